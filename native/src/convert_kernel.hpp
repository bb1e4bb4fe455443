// Between Conversion, which knows names and sizes, and the loops, which are compiled once for every processor
// and, on x86, again for those with SSSE3, with AVX2, in vectors of 128 and of 256 bits, and with AVX-512. Plain
// types only: see convert_kernel.cpp.
//
// Rounding. A sample is its exact value plus a threshold, less the fraction that remains. With half a step everywhere that
// is the nearest value. Thresholds that differ from pixel to pixel are ordered dithering (Bayer, 1973): of eight by
// eight pixels as many get the upper value as the fraction says, so that on average they show what lies between.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nbpipe {

enum class Target { yuv420p, nv12, yuv444p, yuv420p10le, p010le, gray, rgb24, rgba };

/// Eight rows, one for each sample of a piece, in 1/256 of a step; samples of ten bits take them in 1/64. After a piece
/// they begin again, and after the eight rows, too.
struct Thresholds {
    static constexpr std::ptrdiff_t piece = 480; // 1920 is four
    static constexpr std::ptrdiff_t rows = 8;
};

struct Picture {
    std::ptrdiff_t width;
    std::ptrdiff_t height;
    int channels;
    int bits;
    bool bottom_up;
    Target target;
    const std::uint16_t* thresholds; // null: half a step everywhere
};

/// Rows of the picture from `first` up to `last`, not included, counted from its top. `first` is even.
struct Band {
    std::ptrdiff_t first;
    std::ptrdiff_t last;
};

// `source` has the rows of the band alone, `target` is the whole frame.

using Kernel = void(const Picture& picture, Band band, const std::byte* source, std::byte* target) noexcept;

namespace portable {
Kernel convert;
} // namespace portable

#ifdef NBPIPE_X86
namespace ssse3 {
Kernel convert;
} // namespace ssse3

namespace avx2_128 {
Kernel convert;
} // namespace avx2_128

namespace avx2 {
Kernel convert;
} // namespace avx2

namespace avx512 {
Kernel convert;
} // namespace avx512
#endif

} // namespace nbpipe
