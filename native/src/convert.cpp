#include "convert.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

namespace nbpipe {
namespace {

static_assert(std::endian::native == std::endian::little, "yuv420p10le and p010le are stored as they are");

struct Format {
    std::string_view name;
    Target target;
    bool even;      // its picture has even sizes
    int half_bytes; // of a pixel, on average, in halves
};

constexpr auto formats = std::to_array<Format>({
    {"yuv420p", Target::yuv420p, true, 3},
    {"nv12", Target::nv12, true, 3},
    {"yuv444p", Target::yuv444p, false, 6},
    {"yuv420p10le", Target::yuv420p10le, true, 6},
    {"p010le", Target::p010le, true, 6},
    {"gray", Target::gray, false, 2},
    {"rgb24", Target::rgb24, false, 6},
    {"rgba", Target::rgba, false, 8},
});

const Format& named(std::string_view name) {
    const auto format = std::ranges::find(formats, name, &Format::name);
    if (format == formats.end()) {
        throw std::invalid_argument("no conversion to pixel format '" + std::string(name) + "'");
    }
    return *format;
}

int one_of(const char* what, int value, int first, int second) {
    if (value != first && value != second) {
        throw std::invalid_argument(std::string(what) + " must be " + std::to_string(first) + " or " +
                                    std::to_string(second) + ", not " + std::to_string(value));
    }
    return value;
}

std::ptrdiff_t at_least_one(int size) {
    if (size < 1) {
        throw std::invalid_argument("width and height must be at least 1");
    }
    return size;
}

/// Rows times columns times `bytes`, as long as an address can still be any of them.
std::size_t area(std::ptrdiff_t width, std::ptrdiff_t height, int bytes) {
    if (width > std::numeric_limits<std::ptrdiff_t>::max() / height / bytes) {
        throw std::invalid_argument("the picture is larger than memory");
    }
    return static_cast<std::size_t>(width * height * bytes);
}

/// The rank of a pixel among the 64: the bits of x ^ y and of y in turns, the last ones first.
constexpr unsigned rank(unsigned x, unsigned y) {
    unsigned found = 0;
    for (unsigned bit = 0; bit < 3; ++bit) {
        found |= ((x ^ y) >> bit & 1U) << (5 - 2 * bit) | (y >> bit & 1U) << (4 - 2 * bit);
    }
    return found;
}

/// None is nearer than 1/64 of a step of ten bits to either end: a converted value may be off by so much, and neither
/// black, nor white, nor the chroma of grays may waver.
constexpr auto bayer = [] {
    std::array<std::uint16_t, static_cast<std::size_t>(Thresholds::rows * Thresholds::piece)> found{};
    constexpr auto piece = static_cast<unsigned>(Thresholds::piece);
    for (unsigned nth = 0; auto& threshold : found) {
        const unsigned of_64 = rank(nth % piece % 8, nth / piece);
        threshold = static_cast<std::uint16_t>(std::clamp(4 * of_64 + 2, 4U, 251U));
        ++nth;
    }
    return found;
}();

#ifdef NBPIPE_X86 // chosen here and not by the loader (target_clones): that runs before ThreadSanitizer does
bool has_avx512() {
    return __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
           __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512vbmi") != 0;
}

/// It takes vectors of 256 bits apart into halves, and each shuffle between these into several more steps.
bool is_zen1() { return __builtin_cpu_is("znver1") != 0; }
#endif

Kernel* kernel_of(Conversion::Build build) {
#ifdef NBPIPE_X86
    using Build = Conversion::Build;
    if (build == Build::fastest && has_avx512()) {
        return avx512::convert;
    }
    if (build != Build::portable && build != Build::ssse3 && __builtin_cpu_supports("avx2") != 0) {
        const bool narrow = build == Build::avx2_128 || (build == Build::fastest && is_zen1());
        return narrow ? avx2_128::convert : avx2::convert;
    }
    if (build != Build::portable && __builtin_cpu_supports("ssse3") != 0) {
        return ssse3::convert;
    }
#endif
    static_cast<void>(build);
    return portable::convert;
}

} // namespace

Conversion::Conversion(const Source& source, std::string_view target, bool dither, Build build)
    : picture_{at_least_one(source.width),
               at_least_one(source.height),
               one_of("channels", source.channels, 3, 4),
               one_of("bits", source.bits, 8, 16),
               source.bottom_up,
               named(target).target,
               dither ? bayer.data() : nullptr},
      kernel_(kernel_of(build)),
      source_bytes_(area(picture_.width, picture_.height, picture_.channels * picture_.bits / 8)) {
    const auto& format = named(target);
    const auto even = [&format](std::ptrdiff_t size) { return size + (format.even ? size % 2 : 0); };
    target_bytes_ = area(even(picture_.width), even(picture_.height), format.half_bytes) / 2;
}

void Conversion::convert(std::span<const std::byte> source, std::span<std::byte> target,
                         std::ptrdiff_t first) const {
    if (source.size() > source_bytes_ || target.size() != target_bytes_) {
        throw std::invalid_argument("this conversion is from " + std::to_string(source_bytes_) +
                                    " bytes to " + std::to_string(target_bytes_) + ", not from " +
                                    std::to_string(source.size()) + " to " + std::to_string(target.size()));
    }
    const auto row_bytes = source_bytes_ / static_cast<std::size_t>(picture_.height);
    const auto count = static_cast<std::ptrdiff_t>(source.size() / row_bytes);
    // A band of 4:2:0 ends with a pair of rows, or with the picture.
    const bool rows = source.size() % row_bytes == 0 && count > 0 && first >= 0 && first % 2 == 0 &&
                      first <= picture_.height - count &&
                      (count % 2 == 0 || first + count == picture_.height);
    if (!rows) {
        throw std::invalid_argument(std::to_string(source.size()) + " bytes are no rows from " +
                                    std::to_string(first) + " on of a picture of " +
                                    std::to_string(picture_.height) + " rows of " +
                                    std::to_string(row_bytes) + " bytes");
    }
    const std::less<> before;
    if (before(source.data(), target.data() + target.size()) &&
        before(target.data(), source.data() + source.size())) {
        throw std::invalid_argument("a picture cannot be converted in place");
    }
    kernel_(picture_, {.first = first, .last = first + count}, source.data(), target.data());
}

std::chrono::nanoseconds Conversion::read(const ReadPixels& from, std::span<std::byte> band,
                                          std::span<std::byte> target) const {
    using Clock = std::chrono::steady_clock;
    const auto row_bytes = source_bytes_ / static_cast<std::size_t>(picture_.height);
    const auto room = static_cast<std::ptrdiff_t>(band.size() / row_bytes);
    const auto rows = room >= picture_.height ? picture_.height : room - room % 2;
    if (!picture_.bottom_up) {
        throw std::invalid_argument("only a picture that is bottom-up can be read");
    }
    if (rows == 0) {
        throw std::invalid_argument("the band has no room for two rows");
    }
    Clock::duration spent{};
    for (std::ptrdiff_t first = 0; first < picture_.height; first += rows) {
        const auto count = std::min(rows, picture_.height - first);
        from.call(0, static_cast<int>(picture_.height - first - count), static_cast<int>(picture_.width),
                  static_cast<int>(count), from.format, from.type, band.data());
        const auto begun = Clock::now();
        convert(band.first(static_cast<std::size_t>(count) * row_bytes), target, first);
        spent += Clock::now() - begun;
    }
    return spent;
}

} // namespace nbpipe
