// nbpipe._native: PipeWriter for Python. Documented in nbpipe/_native.pyi, which names the same things.
// (Conversion's part is bind_convert.cpp.)
//
// Only translation happens here: buffers into addresses, errors into exceptions, waiting into waiting without
// the GIL. Py_buffers are taken and given back only inside calls from Python, each of which "reaps" what has
// been written by then. The native thread never needs the GIL, so it cannot hang when the interpreter ends.
#include "bind.hpp"
#include "pipe_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <exception>
#include <list>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>

namespace nb = nanobind;
using namespace nb::literals;
using nbpipe::away;
using nbpipe::BufferView;
using nbpipe::ending;
using nbpipe::ending_thread;
using nbpipe::PipeWriter;
using nbpipe::WithoutGil;

namespace {

void at_exit() {
    ending_thread = std::this_thread::get_id();
    const nb::gil_scoped_release without_gil;
    for (int others = away; others > 0; others = away) {
        away.wait(others);
    }
}

/// The writer and what it has borrowed. PyBuffer_Release may run any Python code, even a call on this very
/// object, so it never happens under the lock: nodes are spliced into a local list that dies after it.
class BoundWriter {
  public:
    BoundWriter(int fd, bool lend, bool follow) : writer_(fd, {.lend = lend, .follow = follow}) {}

    PipeWriter::Ticket submit(nb::handle data) {
        reap();
        return hold(data, [this](const BufferView& view) { return writer_.submit(view.bytes()); });
    }

    /// Both are exported here too, for close() may let `into` go while it is being filled. Nothing is reaped: `source` may
    /// be mapped by the GL, and what dies may run any code.
    PipeWriter::Ticket copy(nb::handle source, nb::handle into) {
        constexpr std::size_t piece = std::size_t{128} << 10U; // those of 512 KiB fed FFmpeg a tenth slower
        const BufferView from(source);
        const BufferView to(into);
        const auto bytes = to.writable_bytes();
        if (bytes.size() != from.bytes().size()) {
            throw std::invalid_argument("the two buffers differ in size");
        }
        const auto ticket =
            hold(into, [this](const BufferView& view) { return writer_.announce(view.bytes()); });
        const WithoutGil others_run;
        for (std::size_t done = 0; done < bytes.size();) {
            const auto size = std::min(piece, bytes.size() - done);
            std::memcpy(bytes.data() + done, from.bytes().data() + done, size);
            writer_.advance(ticket, done += size);
        }
        return ticket;
    }

    bool wait(PipeWriter::Ticket ticket, std::optional<double> timeout) {
        using Clock = PipeWriter::Clock;
        constexpr auto slice =
            std::chrono::milliseconds(50); // between two looks at Ctrl-C: not felt, not costly
        constexpr double for_ever = 1e9;   // seconds; what a time_point still holds
        if (timeout && std::isnan(*timeout)) {
            throw std::invalid_argument("timeout must be a number of seconds, not NaN");
        }
        const std::chrono::duration<double> limit(std::clamp(timeout.value_or(for_ever), 0.0, for_ever));
        const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(limit);
        for (;;) {
            const bool last = Clock::now() + slice >= deadline;
            if (wait_without_gil(ticket, last ? deadline : Clock::now() + slice)) {
                reap();
                return true;
            }
            if (PyErr_CheckSignals() != 0) {
                throw nb::python_error();
            }
            if (last) {
                return false;
            }
            if (ending() && ending_thread.load() != std::this_thread::get_id()) {
                throw std::invalid_argument("the interpreter is ending");
            }
        }
    }

    void close() {
        {
            const WithoutGil others_run;
            writer_.close();
        }
        reap();
    }

    bool close_if_written() {
        bool closed = false;
        {
            const WithoutGil others_run;
            closed = writer_.close_if_written();
        }
        reap();
        return closed;
    }

    /// What they say is written has been released when they are returned: so they are taken first.
    PipeWriter::Counts counts() {
        const auto now = writer_.counts();
        reap();
        return now;
    }

    std::size_t held() {
        reap();
        const std::scoped_lock lock(mutex_);
        return held_.size();
    }

    [[nodiscard]] int error() const { return writer_.error(); }

    [[nodiscard]] bool closed() {
        const bool now = writer_.closed();
        reap();
        return now;
    }

  private:
    [[nodiscard]] bool wait_without_gil(PipeWriter::Ticket ticket, PipeWriter::Clock::time_point deadline) {
        const WithoutGil others_run;
        return writer_.wait_until(ticket, deadline);
    }

    template <typename Submit> PipeWriter::Ticket hold(nb::handle data, const Submit& submit) {
        std::list<BufferView> one;
        one.emplace_back(data);
        const std::scoped_lock lock(mutex_);
        const auto ticket = submit(one.front());
        held_.splice(held_.end(), one);
        return ticket;
    }

    void reap() {
        std::list<BufferView> done;
        const auto released = writer_.released();
        const std::scoped_lock lock(mutex_);
        for (; !held_.empty() && oldest_ <= released; ++oldest_) {
            done.splice(done.end(), held_, held_.begin());
        }
    }

    std::mutex mutex_;              // for the two below; free-threaded Python has no GIL to do it
    std::list<BufferView> held_;    // in the order of their tickets
    PipeWriter::Ticket oldest_ = 1; // of held_, or the next to come
    PipeWriter writer_;             // last, so that its thread has ended before the exports go
};

void translate(const std::exception_ptr& error, void* /*payload*/) {
    try {
        std::rethrow_exception(error);
    } catch (const std::system_error& failure) {
        errno = failure.code().value();
        PyErr_SetFromErrno(PyExc_OSError); // which picks the subclass: EPIPE becomes BrokenPipeError
    }
}

} // namespace

// NOLINTNEXTLINE(cppcoreguidelines-pro-type-cstyle-cast): the macro's
NB_MODULE(_native, m) {
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        throw nb::import_error(
            "nbpipe runs in the main interpreter alone: call it there, or in a process of its own");
    }
#ifdef NDEBUG // a writer that a daemon thread or a traceback keeps at exit is no news for users
    nb::set_leak_warnings(false);
#endif
    nb::register_exception_translator(translate);
    nb::module_::import_("atexit").attr("register")(nb::cpp_function(at_exit));
    if (const auto os = nb::module_::import_("os"); nb::hasattr(os, "register_at_fork")) {
        // Those who are away do not exist in a forked child, and its end would wait for them for ever.
        os.attr("register_at_fork")("after_in_child"_a = nb::cpp_function([] { away = 0; }));
    }

    nbpipe::bind_convert(m);
    [[maybe_unused]] const nb::exception<PipeWriter::Closed> closed(m, "Closed", PyExc_ValueError);
    nb::class_<BoundWriter>(m, "PipeWriter", nb::is_final())
        .def(nb::init<int, bool, bool>(), "fd"_a, nb::kw_only(), "lend"_a = false, "follow"_a = false)
        .def("submit", &BoundWriter::submit, nb::arg())
        .def("copy", &BoundWriter::copy, nb::arg(), nb::arg())
        .def("wait", &BoundWriter::wait, nb::arg(), "timeout"_a = nb::none())
        .def("close", &BoundWriter::close)
        .def("close_if_written", &BoundWriter::close_if_written)
        .def("__enter__", [](nb::handle self) { return nb::borrow(self); })
        .def("__exit__", [](BoundWriter& self, const nb::args&) { self.close(); })
        .def_prop_ro("submitted", [](BoundWriter& self) { return self.counts().submitted; })
        .def_prop_ro("written", [](BoundWriter& self) { return self.counts().written; })
        .def_prop_ro("queued",
                     [](BoundWriter& self) {
                         const auto counts = self.counts();
                         return counts.submitted - counts.written;
                     })
        .def_prop_ro("bytes_written", [](BoundWriter& self) { return self.counts().bytes; })
        .def_prop_ro("error", [](const BoundWriter& self) { return self.error(); })
        .def_prop_ro("held", &BoundWriter::held)
        .def_prop_ro("closed", &BoundWriter::closed);
}
