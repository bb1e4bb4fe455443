// What the tests of PipeWriter need on every system; what they need of one lies beside the tests of that.
#pragma once

#include "pipe_writer.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <random>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

using nbpipe::PipeWriter;
using Data = std::vector<std::byte>;

constexpr unsigned deadline_of_a_case = 60; // seconds; the slowest takes 6 under ThreadSanitizer

/// The errno that `call` throws, or -1 for std::invalid_argument, or 0 for nothing.
inline int error_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const std::system_error& error) {
        return error.code().value();
    } catch (const std::invalid_argument&) {
        return -1;
    }
    return 0;
}
constexpr int refused = -1;

inline auto soon() { return PipeWriter::Clock::now() + std::chrono::seconds(deadline_of_a_case); }

inline void wait_for(const std::function<bool()>& condition) {
    while (!condition()) {
        std::this_thread::yield();
    }
}

inline Data pattern(std::size_t size, unsigned seed = 1) {
    std::minstd_rand random(seed);
    Data data(size);
    std::ranges::generate(data, [&] { return static_cast<std::byte>(random() >> 8U); });
    return data;
}
