// Conversion without Python: colours that are known, sizes at their edges, and that both builds agree.
//
// How close every sample is to the standard is in tests/test_convert.py, against float64. Here each buffer is a
// heap block of exactly its size, so that AddressSanitizer sees the first byte too far.
#include "case.hpp"
#include "convert.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using nbpipe::Conversion;
using Build = Conversion::Build;
using Source = Conversion::Source;

constexpr auto targets = std::to_array<std::string_view>(
    {"yuv420p", "nv12", "yuv444p", "yuv420p10le", "p010le", "gray", "rgb24", "rgba"});

/// A heap block that is not a byte longer than asked for; a vector's may be.
struct Block {
    std::unique_ptr<std::byte[]> data; // NOLINT(*-avoid-c-arrays): the only way to an exact block
    std::size_t size;

    explicit Block(std::size_t bytes) : data(new std::byte[bytes]()), size(bytes) {}
    [[nodiscard]] std::span<std::byte> all() const { return {data.get(), size}; }
};

Block random_picture(std::size_t size, unsigned seed) {
    Block block(size);
    std::minstd_rand random(seed);
    std::ranges::generate(block.all(), [&] { return static_cast<std::byte>(random() >> 8U); });
    return block;
}

std::vector<int> converted(const Source& source, std::string_view target, std::span<const std::byte> picture,
                           bool dither = false, Build build = Build::fastest) {
    const Conversion conversion(source, target, dither, build);
    const Block exact(conversion.source_bytes());
    require(picture.size() == exact.size);
    std::ranges::copy(picture, exact.data.get());
    const Block planes(conversion.target_bytes());
    conversion.convert(exact.all(), planes.all());
    std::vector<int> samples;
    std::ranges::transform(planes.all(), std::back_inserter(samples), std::to_integer<int>);
    return samples;
}

/// One pixel, repeated over the picture.
std::vector<int> of_colour(const Source& source, std::string_view target, std::vector<int> pixel) {
    const Block picture(Conversion(source, target).source_bytes());
    for (std::size_t i = 0; i < picture.size; ++i) {
        picture.all()[i] = static_cast<std::byte>(pixel[i % pixel.size()]);
    }
    return converted(source, target, picture.all());
}

bool refused(const Source& source, std::string_view target) {
    try {
        const Conversion conversion(source, target);
    } catch (const std::invalid_argument&) {
        return true;
    }
    return false;
}

// ---- values -----------------------------------------------------------------------------------------------

void known_colours() {
    const Source one{1, 1, 4, 8, true};
    using Samples = std::vector<int>;
    require(of_colour(one, "yuv444p", {0, 0, 0, 9}) == Samples{16, 128, 128});
    require(of_colour(one, "yuv444p", {255, 255, 255, 9}) == Samples{235, 128, 128});
    require(of_colour(one, "yuv444p", {255, 0, 0, 9}) == Samples{63, 102, 240});
    require(of_colour(one, "yuv444p", {0, 255, 0, 9}) == Samples{173, 42, 26});
    require(of_colour(one, "yuv444p", {0, 0, 255, 9}) == Samples{32, 240, 118});
    require(of_colour(one, "yuv420p", {255, 0, 0, 9}) == Samples{63, 63, 63, 63, 102, 240});
    require(of_colour(one, "nv12", {255, 0, 0, 9}) == Samples{63, 63, 63, 63, 102, 240});
    require(of_colour(one, "gray", {255, 0, 0, 9}) == Samples{63});
    require(of_colour(one, "rgb24", {1, 2, 3, 9}) == Samples{1, 2, 3});
    require(of_colour(one, "rgba", {1, 2, 3, 9}) == Samples{1, 2, 3, 9});
    require(of_colour({1, 1, 3, 8, true}, "rgba", {1, 2, 3}) == Samples{1, 2, 3, 255});
    require(of_colour({1, 1, 3, 16, true}, "rgb24", {0, 1, 129, 1, 130, 1}) == Samples{1, 1, 2});
}

void ten_bits_lie_as_ffmpeg_says() {
    const Source white{1, 1, 3, 16, false};
    require(of_colour(white, "yuv420p10le", {255}) ==
            std::vector<int>{0xac, 3, 0xac, 3, 0xac, 3, 0xac, 3, 0, 2, 0, 2}); // 940, 512
    require(of_colour(white, "p010le", {255}) ==
            std::vector<int>{0, 0xeb, 0, 0xeb, 0, 0xeb, 0, 0xeb, 0, 0x80, 0, 0x80}); // the same times 64
}

/// Three columns and rows of gray: which pixel is where, and what is repeated.
void odd_sizes_repeat_the_last_row_and_column() {
    const Source source{3, 3, 3, 8, false};
    const Block picture(27);
    for (std::size_t i = 0; i < 27; ++i) {
        picture.all()[i] = static_cast<std::byte>(i / 3 * 20);
    }
    const auto luma = converted(source, "gray", picture.all());
    const auto padded = converted(source, "yuv420p", picture.all());
    require(padded.size() == 24);
    for (std::size_t y = 0; y < 4; ++y) {
        for (std::size_t x = 0; x < 4; ++x) {
            require(padded[y * 4 + x] == luma[std::min<std::size_t>(y, 2) * 3 + std::min<std::size_t>(x, 2)]);
        }
    }
}

/// Blue stands for 112 above the middle. Columns 0 1 2 3 weigh on the first two samples as here.
void chroma_is_level_with_even_columns() {
    constexpr std::array<std::array<int, 2>, 4> eighths{{{6, 0}, {2, 2}, {0, 4}, {0, 2}}};
    for (std::size_t column = 0; column < 4; ++column) {
        const Block picture(24);
        picture.all()[column * 3 + 2] = std::byte{255}; // both rows
        picture.all()[(4 + column) * 3 + 2] = std::byte{255};
        const auto samples = converted({4, 2, 3, 8, false}, "yuv420p", picture.all());
        require(samples[8] == 128 + 112 * eighths.at(column)[0] / 8);
        require(samples[9] == 128 + 112 * eighths.at(column)[1] / 8);
    }
}

void bottom_up_is_the_same_picture() {
    for (const auto target : targets) {
        for (const int height : {1, 2, 3, 6, 7}) {
            const Source source{37, height, 4, 8, false};
            const auto picture = random_picture(Conversion(source, target).source_bytes(), 1);
            const Block flipped(picture.size);
            const std::size_t row = picture.size / static_cast<std::size_t>(height);
            for (std::size_t at = 0; at < picture.size; at += row) {
                std::ranges::copy(picture.all().subspan(at, row),
                                  flipped.all().subspan(picture.size - row - at, row).begin());
            }
            Source upside_down = source;
            upside_down.bottom_up = true;
            require(converted(source, target, picture.all()) ==
                    converted(upside_down, target, flipped.all()));
        }
    }
}

// ---- dithering --------------------------------------------------------------------------------------------

/// Samples of a dithered picture of sixteen by sixteen pixels that are all alike, in 16 bits: of chroma, too, each
/// threshold is among them.
std::vector<int> of_gray(unsigned value, std::string_view target) {
    const Block picture(std::size_t{256} * 3 * 2);
    for (std::size_t i = 0; i < picture.size; i += 2) {
        picture.all()[i] = static_cast<std::byte>(value);
        picture.all()[i + 1] = static_cast<std::byte>(value >> 8U);
    }
    auto bytes = converted({16, 16, 3, 16, false}, target, picture.all(), true);
    if (target != "yuv420p10le") {
        return bytes;
    }
    std::vector<int> samples(bytes.size() / 2);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        samples[i] = bytes[2 * i] | bytes[2 * i + 1] << 8;
    }
    return samples;
}

void dithered_pixels_show_on_average_what_lies_between() {
    for (unsigned value = 0; value < 65536; value += 37) {
        for (const int ten : {0, 1}) {
            const double step = ten == 0 ? 1 : 4;
            const double exact = (16 + 219 * value / 65535.0) * step;
            auto luma = of_gray(value, ten == 0 ? "gray" : "yuv420p10le");
            luma.resize(256);
            double sum = 0;
            for (const int sample : luma) {
                require(std::abs(sample - exact) < 1 + step * 3 / 256);
                sum += sample;
            }
            require(std::abs(sum / 256 - exact) <= step * 3 / 256 + 1.0 / 64);
        }
    }
}

void dithered_grays_have_no_colour() {
    for (unsigned value = 0; value < 65536; value += 5) {
        const auto eight = of_gray(value, "yuv420p");
        const auto ten = of_gray(value, "yuv420p10le");
        require(std::all_of(eight.begin() + 256, eight.end(), [](int sample) { return sample == 128; }));
        require(std::all_of(ten.begin() + 256, ten.end(), [](int sample) { return sample == 512; }));
    }
}

void dithered_black_and_white_are_pure() {
    for (const unsigned value : {0, 65535}) {
        auto ten = of_gray(value, "yuv420p10le");
        ten.resize(256);
        require(ten == std::vector(256, value == 0 ? 64 : 940));
        require(of_gray(value, "gray") == std::vector(256, value == 0 ? 16 : 235));
        require(of_gray(value, "rgb24") == std::vector(768, value == 0 ? 0 : 255));
    }
}

/// Under AddressSanitizer also: each band lies in a block of its own.
void bands_make_the_same_picture_in_any_order() {
    for (const auto target : targets) {
        for (const int height : {1, 2, 3, 6, 7, 11}) {
            for (const bool bottom_up : {false, true}) {
                const Source source{37, height, 4, 8, bottom_up};
                const Conversion conversion(source, target, true);
                const auto picture = random_picture(conversion.source_bytes(), 2);
                const std::size_t row = picture.size / static_cast<std::size_t>(height);
                const Block planes(conversion.target_bytes());
                const int bands = (height + 3) / 4;
                for (int nth = 0; nth < bands; ++nth) {
                    const int first = (nth + 1) % bands * 4;
                    const int count = std::min(height - first, 4);
                    const int above = bottom_up ? height - first - count : first;
                    const Block band(row * static_cast<std::size_t>(count));
                    std::ranges::copy(picture.all().subspan(row * static_cast<std::size_t>(above), band.size),
                                      band.data.get());
                    conversion.convert(band.all(), planes.all(), first);
                }
                require(std::ranges::equal(planes.all(), converted(source, target, picture.all(), true), {},
                                           std::to_integer<int>));
            }
        }
    }
}

/// What `bring` brings in place of a GL, whose arguments it checks.
std::span<const std::byte> canvas;
std::size_t canvas_row = 0;

void bring(int x, int y, int width, int height, unsigned format, unsigned type, void* pixels) {
    require(x == 0 && width == 37 && format == 0x1908 && type == 0x1401);
    std::ranges::copy(canvas.subspan(canvas_row * static_cast<std::size_t>(y),
                                     canvas_row * static_cast<std::size_t>(height)),
                      static_cast<std::byte*>(pixels));
}

/// Under AddressSanitizer also: no more is brought than a band holds.
void a_picture_read_in_bands_is_the_same() {
    for (const auto target : targets) {
        for (const int height : {1, 2, 3, 6, 7, 11}) {
            const Source source{37, height, 4, 8, true};
            const Conversion conversion(source, target);
            const auto picture = random_picture(conversion.source_bytes(), 3);
            canvas = picture.all();
            canvas_row = picture.size / static_cast<std::size_t>(height);
            for (const std::size_t room : {2, 3, 4, 20}) {
                const Block band(canvas_row * room + 5);
                const Block planes(conversion.target_bytes());
                static_cast<void>(conversion.read({bring, 0x1908, 0x1401}, band.all(), planes.all()));
                require(std::ranges::equal(planes.all(), converted(source, target, picture.all()), {},
                                           std::to_integer<int>));
            }
        }
    }
}

void what_cannot_be_read_in_bands() {
    const auto refuses = [](const Source& source, std::size_t room, std::size_t target) {
        const Block band(room);
        const Block planes(target);
        try {
            static_cast<void>(Conversion(source, "gray")
                                  .read({[](int, int, int, int, unsigned, unsigned, void*) {}, 0, 0},
                                        band.all(), planes.all()));
        } catch (const std::invalid_argument&) {
            return true;
        }
        return false;
    };
    require(!refuses({2, 5, 4, 8, true}, 16, 10) && !refuses({2, 1, 4, 8, true}, 8, 2));
    require(refuses({2, 5, 4, 8, true}, 15, 10) && refuses({2, 1, 4, 8, true}, 7, 2));
    require(refuses({2, 5, 4, 8, false}, 16, 10) && refuses({2, 5, 4, 8, true}, 16, 9));
}

/// Under AddressSanitizer also: no byte too far, at any of these sizes.
void all_builds_give_the_same_bytes() {
    unsigned seed = 0;
    for (const auto target : targets) {
        for (const int width : {1, 2, 3, 16, 31, 32, 33, 63, 65, 127, 479, 480, 481, 511, 961, 1919}) {
            for (const int height : {1, 2, 3, 4}) {
                for (const int channels : {3, 4}) {
                    for (const int bits : {8, 16}) {
                        const Source source{width, height, channels, bits, ++seed % 2 == 0};
                        const auto picture = random_picture(Conversion(source, target).source_bytes(), seed);
                        for (const bool dither : {false, true}) {
                            const auto portable =
                                converted(source, target, picture.all(), dither, Build::portable);
                            for (const auto build :
                                 {Build::ssse3, Build::avx2_128, Build::avx2, Build::fastest}) {
                                require(converted(source, target, picture.all(), dither, build) == portable);
                            }
                        }
                    }
                }
            }
        }
    }
}

// ---- the contract -----------------------------------------------------------------------------------------

void many_threads_share_one_conversion() {
    const Source source{321, 45, 4, 8, true};
    const Conversion conversion(source, "yuv420p");
    const auto picture = random_picture(conversion.source_bytes(), 1);
    const auto expected = converted(source, "yuv420p", picture.all());
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            const Block planes(conversion.target_bytes());
            for (int turn = 0; turn < 20; ++turn) {
                conversion.convert(picture.all(), planes.all());
                require(std::ranges::equal(planes.all(), expected, {}, std::to_integer<int>));
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
}

void sizes_of_the_planes() {
    const auto bytes = [](int width, int height, std::string_view target) {
        return Conversion({width, height, 4, 8, true}, target).target_bytes();
    };
    require(bytes(1920, 1080, "yuv420p") == 3'110'400 && bytes(1920, 1080, "nv12") == 3'110'400);
    require(bytes(3, 5, "yuv420p") == 36 && bytes(3, 5, "p010le") == 72 && bytes(3, 5, "yuv420p10le") == 72);
    require(bytes(3, 5, "yuv444p") == 45 && bytes(3, 5, "gray") == 15);
    require(bytes(3, 5, "rgb24") == 45 && bytes(3, 5, "rgba") == 60);
    require(Conversion({3, 5, 3, 16, true}, "gray").source_bytes() == 90);
}

void bad_arguments() {
    constexpr int most = std::numeric_limits<int>::max();
    require(!refused({1, 1, 3, 16, false}, "gray"));
    for (const int size : {0, -1, std::numeric_limits<int>::min()}) {
        require(refused({size, 1, 4, 8, true}, "gray") && refused({1, size, 4, 8, true}, "gray"));
    }
    require(refused({most, most, 4, 16, true}, "gray") && refused({most, most, 3, 8, true}, "rgba"));
    for (const int channels : {-1, 0, 1, 2, 5}) {
        require(refused({1, 1, channels, 8, true}, "gray"));
    }
    for (const int bits : {-8, 0, 10, 32}) {
        require(refused({1, 1, 4, bits, true}, "gray"));
    }
    for (const auto* const target : {"", "yuv", "yuv420p ", "YUV420P", "yuv422p"}) {
        require(refused({1, 1, 4, 8, true}, target));
    }
}

void spans_of_another_length_or_place() {
    const Conversion conversion({2, 2, 4, 8, true}, "yuv420p"); // 16 to 6
    const Block memory(22);
    const auto refuses = [&](std::size_t from, std::size_t length, std::size_t to, std::size_t room) {
        try {
            conversion.convert(memory.all().subspan(from, length), memory.all().subspan(to, room));
        } catch (const std::invalid_argument&) {
            return true;
        }
        return false;
    };
    require(!refuses(0, 16, 16, 6) && !refuses(6, 16, 0, 6));
    require(refuses(0, 15, 16, 6) && refuses(0, 17, 16, 5) && refuses(0, 16, 16, 5) && refuses(0, 0, 16, 6));
    require(refuses(0, 16, 15, 6) && refuses(5, 16, 0, 6) && refuses(0, 16, 4, 6));
}

void what_are_no_rows_of_the_picture() {
    const Conversion conversion({2, 5, 4, 8, true}, "yuv420p"); // rows of 8 bytes
    const Block memory(40);
    const Block planes(conversion.target_bytes());
    const auto refuses = [&](std::size_t length, std::ptrdiff_t first) {
        try {
            conversion.convert(memory.all().first(length), planes.all(), first);
        } catch (const std::invalid_argument&) {
            return true;
        }
        return false;
    };
    require(!refuses(40, 0) && !refuses(16, 0) && !refuses(16, 2) && !refuses(8, 4) && !refuses(24, 2));
    require(refuses(0, 0) && refuses(17, 0) && refuses(8, 0) &&
            refuses(24, 0)); // whole pairs, but at the end
    require(refuses(16, 1) && refuses(16, -2) && refuses(16, 4) && refuses(40, 2) && refuses(8, 6));
    require(refuses(16, std::numeric_limits<std::ptrdiff_t>::max() - 1));
    require(refuses(16, std::numeric_limits<std::ptrdiff_t>::min()));
}

constexpr auto cases = std::to_array<Case>({
    {"known_colours", known_colours},
    {"ten_bits_lie_as_ffmpeg_says", ten_bits_lie_as_ffmpeg_says},
    {"odd_sizes_repeat_the_last_row_and_column", odd_sizes_repeat_the_last_row_and_column},
    {"chroma_is_level_with_even_columns", chroma_is_level_with_even_columns},
    {"bottom_up_is_the_same_picture", bottom_up_is_the_same_picture},
    {"dithered_pixels_show_on_average_what_lies_between", dithered_pixels_show_on_average_what_lies_between},
    {"dithered_grays_have_no_colour", dithered_grays_have_no_colour},
    {"dithered_black_and_white_are_pure", dithered_black_and_white_are_pure},
    {"bands_make_the_same_picture_in_any_order", bands_make_the_same_picture_in_any_order},
    {"a_picture_read_in_bands_is_the_same", a_picture_read_in_bands_is_the_same},
    {"what_cannot_be_read_in_bands", what_cannot_be_read_in_bands},
    {"all_builds_give_the_same_bytes", all_builds_give_the_same_bytes},
    {"many_threads_share_one_conversion", many_threads_share_one_conversion},
    {"sizes_of_the_planes", sizes_of_the_planes},
    {"bad_arguments", bad_arguments},
    {"spans_of_another_length_or_place", spans_of_another_length_or_place},
    {"what_are_no_rows_of_the_picture", what_are_no_rows_of_the_picture},
});

} // namespace

int main(int argc, char** argv) {
    return run_named(argc, argv, cases, [] {});
}
