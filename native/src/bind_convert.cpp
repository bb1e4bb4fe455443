// nbpipe._native.Conversion: only translation, as in bindings.cpp. Documented in nbpipe/_native.pyi.
#include "bind.hpp"
#include "convert.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string_view.h>

namespace nb = nanobind;
using namespace nb::literals;

namespace nbpipe {

void bind_convert(nb::module_& module) {
    nb::class_<Conversion>(module, "Conversion", nb::is_final())
        .def(
            "__init__",
            [](Conversion* self, std::pair<int, int> size, int channels, int bits, bool bottom_up,
               std::string_view target, bool dither) {
                new (self) Conversion({size.first, size.second, channels, bits, bottom_up}, target, dither);
            },
            "size"_a, "channels"_a, "bits"_a, "bottom_up"_a, "target"_a, "dither"_a = false)
        .def_prop_ro("source_bytes", &Conversion::source_bytes)
        .def_prop_ro("target_bytes", &Conversion::target_bytes)
        .def(
            "convert",
            [](const Conversion& self, nb::handle source, nb::handle target, std::ptrdiff_t first) {
                const BufferView from(source);
                const BufferView into(target);
                const auto writable = into.writable_bytes();
                const WithoutGil others_run;
                self.convert(from.bytes(), writable, first);
            },
            nb::arg(), nb::arg(), nb::arg() = 0)
        .def(
            "read",
            [](const Conversion& self, std::uintptr_t read_pixels, unsigned format, unsigned type,
               nb::handle band, nb::handle target) {
                // NOLINTNEXTLINE(*-reinterpret-cast, *-int-to-ptr): ctypes has no other word for it
                const auto call = reinterpret_cast<decltype(Conversion::ReadPixels::call)>(read_pixels);
                if (call == nullptr) {
                    throw std::invalid_argument("there is no glReadPixels at 0");
                }
                const BufferView through(band);
                const BufferView into(target);
                const auto rows = through.writable_bytes();
                const auto writable = into.writable_bytes();
                const WithoutGil others_run;
                return std::chrono::duration<double>(self.read({call, format, type}, rows, writable)).count();
            },
            nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg());
}

} // namespace nbpipe
