// Conversion turns the picture that the GL has read back into the planes that an encoder takes.
//
//    RGB or RGBA, 8 or 16 bits, no gaps between rows, top or bottom row first
//        │ flip to top first, pad to even sizes for 4:2:0 (last row, last column once more)
//        │ BT.709 matrix, limited range
//        │ 4:2:0: [1 2 1]/4 across at every second column, mean of two rows ("left", H.264 Annex E)
//        ▼
//    yuv420p nv12 yuv444p yuv420p10le p010le gray     as FFmpeg names and lays them out, no gaps
//    rgb24 rgba                                       the same values; a missing alpha is opaque
//
// Exactness. tests/bt709.py is the meaning, in float64: every sample is within 0.52 of it for 8 bits and 0.55
// for 10 bits, where 0.5 is rounding itself; 16-bit channels become 8-bit ones by rounding exactly. Grays get
// neutral chroma, and black and white 16 and 235. Integers only, so every processor gives the same bytes.
// Dithered, a sample is one of the two between which the exact value lies, but for the same 0.02 and 0.05; all that has
// been said of grays, black and white holds as well.
//
// Speed. A 1080p RGBA frame of 8 bits, 8.3 MB, takes a core of a Zen 5 EPYC to yuv420p 0.33 ms with AVX-512,
// 0.44 ms with AVX2 and 0.81 ms in the portable build; one of RGB 0.37 and 0.59 ms, but 3.2 ms there: SSE2 cannot
// take threes apart, SSSE3 can. On another EPYC AVX2 took 0.6 ms, from memory instead of a cache 0.3 ms more, and 16 bits 1.3 ms.
// Each source byte is read once, from the start of the memory to its end, in wide loads: it may be a mapping
// that no cache covers. (Only of an odd number of rows, one row is read twice.) On a Zen 1 EPYC, from the
// cache and from memory: RGBA 1.4 and 1.7 ms with AVX2 in vectors of 128 bits, 1.5 and 1.85 ms in those of 256; RGB 1.5
// and 1.7 ms, and 2.0 and 2.2 ms. RGB from memory without AVX2, in a later run where AVX2 took 2.4: 2.4 ms with SSSE3, 7.8
// ms in the portable build.
//
// Threads. A Conversion never changes: any number of threads may call it at once. It allocates nothing (5 KB
// of stack), starts no thread, and waits for nothing but what it is given to read with.
#pragma once

#include "convert_kernel.hpp"

#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>

namespace nbpipe {

class Conversion {
  public:
    struct Source {
        int width;
        int height;
        int channels;   // 3 or 4
        int bits;       // 8, or 16 in the byte order of the machine
        bool bottom_up; // as the GL gives it
    };

    /// The build of the loops to take; the portable one where the processor does not know it. They give the same bytes, and
    /// only tests ask for others than the fastest.
    enum class Build { portable, ssse3, avx2_128, avx2, fastest };

    /// Throws std::invalid_argument for a target not named above, and for sizes that are no picture.
    Conversion(const Source& source, std::string_view target, bool dither = false,
               Build build = Build::fastest);

    [[nodiscard]] std::size_t source_bytes() const noexcept { return source_bytes_; }
    [[nodiscard]] std::size_t target_bytes() const noexcept { return target_bytes_; }

    /// Converts the rows that `source` has, whole ones, of which the first is row `first` from the top of the picture,
    /// an even number; `target` is the whole frame. A source that is bottom-up has the last of its rows first. All rows
    /// are converted when `source` is the whole picture, or in several calls, in whichever order.
    ///
    /// Throws std::invalid_argument when a length is not as above, when these are no rows of the picture, or when the
    /// two overlap.
    void convert(std::span<const std::byte> source, std::span<std::byte> target,
                 std::ptrdiff_t first = 0) const;

    /// glReadPixels, and what it is to be told: all that this knows of a GL. It brings rows of a picture into memory, the
    /// lowest of them first and without gaps.
    struct ReadPixels {
        void (*call)(int x, int y, int width, int height, unsigned format, unsigned type, void* pixels);
        unsigned format;
        unsigned type;
    };

    /// Converts the picture that `from` brings, which is bottom-up, in bands of as many pairs of rows as fit into `band`,
    /// or the whole if that does, the upper ones first: each is converted while it lies in the processor's cache. Returns
    /// the time that it took to convert.
    ///
    /// Throws std::invalid_argument when the picture is not bottom-up, when `band` has no room for two rows of it, or
    /// for one if there is only that, and as above.
    [[nodiscard]] std::chrono::nanoseconds read(const ReadPixels& from, std::span<std::byte> band,
                                                std::span<std::byte> target) const;

  private:
    Picture picture_;
    Kernel* kernel_;
    std::size_t source_bytes_;
    std::size_t target_bytes_ = 0;
};

} // namespace nbpipe
