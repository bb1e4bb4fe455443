// The loops of Conversion. CMake compiles this file into nbpipe::portable and, on x86, into nbpipe::ssse3,
// nbpipe::avx2_128, nbpipe::avx2 and nbpipe::avx512.
//
// Builds of one function may meet in one program only if they share no name: were a std:: template or an
// inline function compiled here and not inlined, the linker would keep one of them, and perhaps AVX-512 for
// everybody. So all is in an unnamed namespace and nothing of the library is used but memcpy.
//
// Lanes of 16 bits. A channel is a fraction of 2^16 (8 bits: v << 8), a coefficient too, and a product is
// its upper half: one instruction for 16 pixels (pmulhuw). Samples come out as 8.8 fixed point, 256 units
// for a step of 8 bits and 64 for one of 10 bits. Three truncated products and three rounded coefficients
// are off by 3 units at most, so a sample is within 0.5 + 3/256 (8 bits) or 0.5 + 3/64 (10 bits) of exact.
// Sums never leave 16 bits: luma ends at 235 * 256, chroma at 240 * 256, and what a difference borrows on the
// way is given back.
//
// 4:2:0 in pieces of two rows by 480 pixels, whose scratch (5 KB) stays in the L1 cache:
//
//    source ── pair ──► luma of both rows
//                └────► mean of both rows, in three planes ── halve ──► [1 2 1]/4 ── chroma ──► samples
//
// The filter is applied to the channels, not to chroma: it is linear, and there is half as much to multiply.
//
// Memory is read from its start to its end even if the picture is bottom-up, which is what prefetching is made
// for (0.1 ms a 1080p frame). Loops are plain so that compilers vectorise them;
// each has been looked at, and what looks roundabout is what GCC 12 turns into few instructions.
#include "convert_kernel.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

#ifndef NBPIPE_KERNEL
#define NBPIPE_KERNEL portable
#endif

// Arrays are C's, because std::array's members are inline functions of the library.
// NOLINTBEGIN(*-avoid-c-arrays, *-array-to-pointer-decay, *-no-array-decay, *-constant-array-index)
namespace nbpipe::NBPIPE_KERNEL {
namespace {

using std::ptrdiff_t;
using U8 = std::uint8_t;
using U16 = std::uint16_t;
using U32 = std::uint32_t;
using U64 = std::uint64_t;

constexpr ptrdiff_t piece = Thresholds::piece;
constexpr ptrdiff_t block = 32; // pixels of a step of the widest loop: a vector of bytes

// ---- BT.709-6, items 3.2 to 3.4 ---------------------------------------------------------------------------

constexpr double kr = 0.2126;
constexpr double kb = 0.0722;
constexpr double kg = 1 - kr - kb;

/// Per channel, what the products are multiplied by, for channels that end at `white`.
template <int white> struct Weights {
    static constexpr U16 of(double share, double range) {
        return static_cast<U16>(share * range * 256 * 65536 / white + 0.5); // NOLINT(*-incorrect-roundings)
    }
    static constexpr U16 luma_red = of(kr, 219);
    static constexpr U16 luma_green = of(kg, 219);
    static constexpr U16 luma_blue = of(kb, 219);
    static constexpr U16 own = of(0.5, 224); // of blue in Cb, and of red in Cr
    static constexpr U16 cb_red = of(kr / (2 * (1 - kb)), 224);
    static constexpr U16 cb_green = of(kg / (2 * (1 - kb)), 224);
    static constexpr U16 cr_green = of(kg / (2 * (1 - kr)), 224);
    static constexpr U16 cr_blue = of(kb / (2 * (1 - kr)), 224);
};

struct Pixel {
    U16 red, green, blue;
};

U16 times(U16 channel, U16 weight) { return static_cast<U16>((U32{channel} * weight) >> 16U); }

template <typename W> U16 luma(Pixel p) { // + 1: what three truncations lose, to the nearest unit
    return static_cast<U16>(times(p.red, W::luma_red) + times(p.green, W::luma_green) +
                            times(p.blue, W::luma_blue) + (16 * 256 + 1));
}
template <typename W> U16 cb(Pixel p) {
    return static_cast<U16>(times(p.blue, W::own) - times(p.red, W::cb_red) - times(p.green, W::cb_green) +
                            128 * 256);
}
template <typename W> U16 cr(Pixel p) {
    return static_cast<U16>(times(p.red, W::own) - times(p.green, W::cr_green) - times(p.blue, W::cr_blue) +
                            128 * 256);
}

// ---- how pixels and samples lie in memory -----------------------------------------------------------------

template <typename T> T load(const std::byte* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

template <typename T> void store(std::byte* to, T value) { std::memcpy(to, &value, sizeof value); }

template <typename T, int number> struct Source {
    using Channel = T;
    static constexpr int channels = number;
    static constexpr ptrdiff_t size = number * static_cast<ptrdiff_t>(sizeof(T)); // of a pixel
    using Weight = Weights<sizeof(T) == 1 ? 255 * 256 : 65535>;

    static Pixel at(const std::byte* row, ptrdiff_t x) {
        const std::byte* const here = row + x * size;
        if constexpr (sizeof(T) == 1 && number == 4) {
            const auto low = load<U16>(here);
            const auto high = load<U16>(here + 2);
            return {static_cast<U16>(low << 8U), static_cast<U16>(low & 0xff00U),
                    static_cast<U16>(high << 8U)};
        } else if constexpr (sizeof(T) == 1) {
            return {static_cast<U16>(load<U8>(here) << 8U), static_cast<U16>(load<U8>(here + 1) << 8U),
                    static_cast<U16>(load<U8>(here + 2) << 8U)};
        } else if constexpr (number == 4) {
            const auto pixel = load<U64>(here);
            return {static_cast<U16>(pixel), static_cast<U16>(pixel >> 16U), static_cast<U16>(pixel >> 32U)};
        } else {
            return {load<U16>(here), load<U16>(here + 2), load<U16>(here + 4)};
        }
    }
};

/// From 8.8 to a sample of `T`: `shift` bits are dropped, after a threshold, and what remains is stored `up` higher.
template <typename T, unsigned shift, unsigned up> struct Sample {
    static constexpr ptrdiff_t size = sizeof(T);
    static T of(U16 value, U16 threshold) {
        return static_cast<T>((static_cast<U16>(value + (threshold >> (8 - shift))) >> shift) << up);
    }
};
using Eight = Sample<U8, 8, 0>;
using Ten = Sample<U16, 6, 0>;
using TenHigh = Sample<U16, 6, 6>;

/// The source's rows, by their number in the picture, wherever they lie.
struct Rows {
    const std::byte* top;
    ptrdiff_t stride;
    ptrdiff_t first;

    Rows(const Picture& picture, Band band, const std::byte* source, ptrdiff_t pixel_size)
        : top(source), stride(picture.width * pixel_size), first(band.first) {
        if (picture.bottom_up) {
            top += (band.last - band.first - 1) * stride;
            stride = -stride;
        }
    }
    [[nodiscard]] const std::byte* at(ptrdiff_t y) const { return top + (y - first) * stride; }
};

/// Calls `go` with each from `first` up to `last`, in the order in which those rows, or stripes, lie in memory.
template <typename Go>
void in_memory_order(const Picture& picture, ptrdiff_t first, ptrdiff_t last, const Go& go) {
    for (ptrdiff_t nth = first; nth < last; ++nth) {
        go(picture.bottom_up ? first + last - 1 - nth : nth);
    }
}

// How samples of a row are rounded, seen from one of them. To look thresholds up where
// all are half a step takes a conversion 7 % longer.
struct Nearest {
    U16 operator[](ptrdiff_t /*x*/) const { return 128; }
    [[nodiscard]] Nearest from(ptrdiff_t /*x*/) const { return {}; }
    static Nearest of_row(const Picture& /*picture*/, ptrdiff_t /*y*/) { return {}; }
};
struct Dithered {
    const U16* row;

    U16 operator[](ptrdiff_t x) const { return row[x]; }
    [[nodiscard]] Dithered from(ptrdiff_t x) const { return {row + x}; }
    static Dithered of_row(const Picture& picture, ptrdiff_t y) {
        return {picture.thresholds + y % Thresholds::rows * piece};
    }
};

// ---- 4:2:0 ------------------------------------------------------------------------------------------------

struct Scratch {
    static constexpr ptrdiff_t margin = 32; // on either side of a plane: for the pixel beyond, and alignment
    alignas(64) U16 mean[3][margin + piece + margin];
    alignas(64) U16 half[3][piece / 2];
};

/// The two rows of the source and the target that `pair` and its steps are about.
template <typename Rounding> struct Pair {
    const std::byte* upper;
    const std::byte* lower;
    std::byte* luma_upper;
    std::byte* luma_lower;
    Rounding rounding_upper;
    Rounding rounding_lower;
};

/// The average, rounded up.
U16 average(U16 a, U16 b) { return static_cast<U16>((a + b + 1) >> 1); }

template <typename Src, typename Smp, typename Rounding>
void step(const std::byte* __restrict upper, const std::byte* __restrict lower,
          std::byte* __restrict luma_upper, std::byte* __restrict luma_lower, Rounding rounding_upper,
          Rounding rounding_lower, U16* __restrict red, U16* __restrict green, U16* __restrict blue,
          ptrdiff_t count) {
    for (ptrdiff_t x = 0; x < count; ++x) {
        const Pixel p = Src::at(upper, x);
        const Pixel q = Src::at(lower, x);
        store(luma_upper + x * Smp::size, Smp::of(luma<typename Src::Weight>(p), rounding_upper[x]));
        store(luma_lower + x * Smp::size, Smp::of(luma<typename Src::Weight>(q), rounding_lower[x]));
        red[x] = average(p.red, q.red);
        green[x] = average(p.green, q.green);
        blue[x] = average(p.blue, q.blue);
    }
}

/// Two rows at once are two streams, which a processor's own prefetching follows late: 0.15 ms a 1080p frame.
/// What is asked for may lie beyond the picture, which is why the address is a number.
template <typename Src> void fetch_ahead([[maybe_unused]] const std::byte* row) {
#ifdef __GNUC__
    constexpr ptrdiff_t line = 64;
    constexpr std::uintptr_t ahead = 1024;
    for (ptrdiff_t at = 0; at < block * Src::size; at += line) {
        // NOLINTNEXTLINE(*-reinterpret-cast, *-int-to-ptr)
        __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(row + at) + ahead));
    }
#endif
}

template <typename Src, typename Smp, typename Rounding>
void pair(const Pair<Rounding>& at, Scratch& scratch, ptrdiff_t count) {
    U16* const red = scratch.mean[0] + Scratch::margin;
    U16* const green = scratch.mean[1] + Scratch::margin;
    U16* const blue = scratch.mean[2] + Scratch::margin;
    const auto go = [&](ptrdiff_t x, ptrdiff_t length) {
        step<Src, Smp>(at.upper + x * Src::size, at.lower + x * Src::size, at.luma_upper + x * Smp::size,
                       at.luma_lower + x * Smp::size, at.rounding_upper.from(x), at.rounding_lower.from(x),
                       red + x, green + x, blue + x, length);
    };
    ptrdiff_t x = 0;
    for (; x + block <= count; x += block) {
        fetch_ahead<Src>(at.upper + x * Src::size);
        fetch_ahead<Src>(at.lower + x * Src::size);
        go(x, block);
    }
    go(x, count - x);
}

/// Weighs every second pixel of `mean` with its neighbours, in whole blocks: what lies beyond is not used, but
/// must be there, and mean[-1] too. GCC knows an average of 16 bits (pavgw) only where its operands lie in memory, so
/// each step has an array, which ends in registers: 0.3 ms a 1080p frame on a Zen 1, and 0.75 ms with shifts and sums.
void halve(const U16* __restrict mean, U16* __restrict half, ptrdiff_t pairs) {
    for (ptrdiff_t at = 0; at < 2 * pairs; at += block) {
        U16 sides[block];
        U16 smooth[block];
        for (ptrdiff_t x = 0; x < block; ++x) {
            sides[x] = average(mean[at + x - 1], mean[at + x + 1]);
        }
        for (ptrdiff_t x = 0; x < block; ++x) {
            smooth[x] = average(sides[x], mean[at + x]);
        }
        for (ptrdiff_t x = 0; x < block / 2; ++x) {
            half[at / 2 + x] = smooth[2 * x];
        }
    }
}

template <typename W, typename Smp, bool interleaved, typename Rounding>
void chroma(const U16* __restrict red, const U16* __restrict green, const U16* __restrict blue,
            Rounding rounding, std::byte* __restrict first, std::byte* __restrict second, ptrdiff_t count) {
    for (ptrdiff_t x = 0; x < count; ++x) {
        const Pixel p{red[x], green[x], blue[x]};
        const auto blueness = Smp::of(cb<W>(p), rounding[x]);
        const auto redness = Smp::of(cr<W>(p), rounding[x]);
        if constexpr (interleaved && Smp::size == 1) {
            store(first + 2 * x, static_cast<U16>(blueness | (redness << 8U)));
        } else if constexpr (interleaved) {
            store(first + 4 * x, blueness | (U32{redness} << 16U));
        } else {
            store(first + x * Smp::size, blueness);
            store(second + x * Smp::size, redness);
        }
    }
}

template <typename Smp> void repeat_last(std::byte* samples, ptrdiff_t count) {
    std::memcpy(samples + count * Smp::size, samples + (count - 1) * Smp::size, Smp::size);
}

template <typename Src, typename Smp, bool interleaved, typename Rounding>
void subsampled(const Picture& picture, Band band, const std::byte* source, std::byte* target) {
    const Rows rows(picture, band, source, Src::size);
    const ptrdiff_t width = picture.width + picture.width % 2;
    const ptrdiff_t stripes = (picture.height + 1) / 2;
    std::byte* const first = target + width * 2 * stripes * Smp::size;
    std::byte* const second = first + width / 2 * stripes * Smp::size; // when not interleaved
    constexpr ptrdiff_t apart = (interleaved ? 2 : 1) * Smp::size;     // from one Cb to the next
    Scratch scratch{};
    in_memory_order(picture, band.first / 2, (band.last + 1) / 2, [&](ptrdiff_t stripe) {
        const bool alone = 2 * stripe + 1 == picture.height; // the last row of an odd number is repeated
        for (ptrdiff_t x = 0; x < picture.width; x += piece) {
            const ptrdiff_t count = picture.width - x < piece ? picture.width - x : piece;
            std::byte* const out = target + (2 * stripe * width + x) * Smp::size;
            const Pair<Rounding> at{rows.at(2 * stripe) + x * Src::size,
                                    rows.at(2 * stripe + (alone ? 0 : 1)) + x * Src::size,
                                    out,
                                    out + width * Smp::size,
                                    Rounding::of_row(picture, 2 * stripe),
                                    Rounding::of_row(picture, 2 * stripe + 1)};
            pair<Src, Smp>(at, scratch, count);
            if (count % 2 != 0) { // and so is the last column
                repeat_last<Smp>(at.luma_upper, count);
                repeat_last<Smp>(at.luma_lower, count);
            }
            const ptrdiff_t pairs = (count + 1) / 2;
            for (int channel = 0; channel < 3; ++channel) {
                U16* const mean = scratch.mean[channel] + Scratch::margin;
                if (x == 0) {
                    mean[-1] = mean[0];
                }
                if (count % 2 != 0) {
                    mean[count] = mean[count - 1];
                }
                halve(mean, scratch.half[channel], pairs);
                mean[-1] = mean[count - 1]; // for the next piece
            }
            const ptrdiff_t to = (stripe * (width / 2) + x / 2) * apart;
            chroma<typename Src::Weight, Smp, interleaved>(scratch.half[0], scratch.half[1], scratch.half[2],
                                                           Rounding::of_row(picture, stripe), first + to,
                                                           second + (interleaved ? 0 : to), pairs);
        }
    });
}

// ---- a sample for each pixel ------------------------------------------------------------------------------

template <typename Src, typename Rounding>
void whole_row(const std::byte* __restrict row, Rounding rounding, std::byte* __restrict y,
               std::byte* __restrict u, std::byte* __restrict v, ptrdiff_t count) {
    using W = Src::Weight;
    for (ptrdiff_t x = 0; x < count; ++x) {
        const Pixel p = Src::at(row, x);
        store(y + x, Eight::of(luma<W>(p), rounding[x]));
        store(u + x, Eight::of(cb<W>(p), rounding[x]));
        store(v + x, Eight::of(cr<W>(p), rounding[x]));
    }
}

template <typename Src, typename Rounding>
void gray_row(const std::byte* __restrict row, Rounding rounding, std::byte* __restrict y, ptrdiff_t count) {
    for (ptrdiff_t x = 0; x < count; ++x) {
        store(y + x, Eight::of(luma<typename Src::Weight>(Src::at(row, x)), rounding[x]));
    }
}

U8 narrowed(U8 value, U16 /*threshold*/) { return value; }
/// value / 257; with half a step as the threshold, the nearest for each of the 65536.
U8 narrowed(U16 value, U16 threshold) {
    return static_cast<U8>((value * 255U + threshold * 256U + 127) >> 16U);
}

template <typename Src, int channels, typename Rounding>
void copied_row(const std::byte* __restrict row, Rounding rounding, std::byte* __restrict out,
                ptrdiff_t count) {
    using Channel = Src::Channel;
    if constexpr (Src::size == channels) {
        std::memcpy(out, row, static_cast<std::size_t>(count * Src::size));
    } else {
        for (ptrdiff_t x = 0; x < count; ++x) {
            const std::byte* const here = row + x * Src::size;
            for (int channel = 0; channel < channels; ++channel) {
                const U8 value =
                    channel < Src::channels
                        ? narrowed(load<Channel>(here + channel * ptrdiff_t{sizeof(Channel)}), rounding[x])
                        : U8{255};
                store(out + x * channels + channel, value);
            }
        }
    }
}

/// Calls `go` with each piece of each row, how it is rounded, where its pixels lie in a plane, and how many they are.
template <typename Src, typename Rounding, typename Go>
void each_piece(const Picture& picture, Band band, const std::byte* source, const Go& go) {
    const Rows rows(picture, band, source, Src::size);
    in_memory_order(picture, band.first, band.last, [&](ptrdiff_t y) {
        for (ptrdiff_t x = 0; x < picture.width; x += piece) {
            const ptrdiff_t count = picture.width - x < piece ? picture.width - x : piece;
            go(rows.at(y) + x * Src::size, Rounding::of_row(picture, y), y * picture.width + x, count);
        }
    });
}

// ---- which of them ----------------------------------------------------------------------------------------

template <typename Src, typename Rounding>
void convert_from(const Picture& picture, Band band, const std::byte* source, std::byte* target) {
    const ptrdiff_t plane = picture.width * picture.height;
    switch (picture.target) {
    case Target::yuv420p:
        return subsampled<Src, Eight, false, Rounding>(picture, band, source, target);
    case Target::nv12:
        return subsampled<Src, Eight, true, Rounding>(picture, band, source, target);
    case Target::yuv420p10le:
        return subsampled<Src, Ten, false, Rounding>(picture, band, source, target);
    case Target::p010le:
        return subsampled<Src, TenHigh, true, Rounding>(picture, band, source, target);
    case Target::yuv444p:
        return each_piece<Src, Rounding>(picture, band, source,
                                         [=](auto* row, Rounding rounding, ptrdiff_t at, ptrdiff_t count) {
                                             whole_row<Src>(row, rounding, target + at, target + plane + at,
                                                            target + 2 * plane + at, count);
                                         });
    case Target::gray:
        return each_piece<Src, Rounding>(picture, band, source,
                                         [=](auto* row, Rounding rounding, ptrdiff_t at, ptrdiff_t count) {
                                             gray_row<Src>(row, rounding, target + at, count);
                                         });
    case Target::rgb24:
        return each_piece<Src, Rounding>(picture, band, source,
                                         [=](auto* row, Rounding rounding, ptrdiff_t at, ptrdiff_t count) {
                                             copied_row<Src, 3>(row, rounding, target + at * 3, count);
                                         });
    case Target::rgba:
        return each_piece<Src, Rounding>(picture, band, source,
                                         [=](auto* row, Rounding rounding, ptrdiff_t at, ptrdiff_t count) {
                                             copied_row<Src, 4>(row, rounding, target + at * 4, count);
                                         });
    }
}

template <typename Rounding>
void convert_rounding(const Picture& picture, Band band, const std::byte* source, std::byte* target) {
    if (picture.bits == 8 && picture.channels == 4) {
        convert_from<Source<U8, 4>, Rounding>(picture, band, source, target);
    } else if (picture.bits == 8) {
        convert_from<Source<U8, 3>, Rounding>(picture, band, source, target);
    } else if (picture.channels == 4) {
        convert_from<Source<U16, 4>, Rounding>(picture, band, source, target);
    } else {
        convert_from<Source<U16, 3>, Rounding>(picture, band, source, target);
    }
}

} // namespace

void convert(const Picture& picture, Band band, const std::byte* source, std::byte* target) noexcept {
    if (picture.thresholds == nullptr) {
        convert_rounding<Nearest>(picture, band, source, target);
    } else {
        convert_rounding<Dithered>(picture, band, source, target);
    }
}

} // namespace nbpipe::NBPIPE_KERNEL
// NOLINTEND(*-avoid-c-arrays, *-array-to-pointer-decay, *-no-array-decay, *-constant-array-index)
