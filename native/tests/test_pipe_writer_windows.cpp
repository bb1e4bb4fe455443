// PipeWriter on Windows: what pipe_io_windows.cpp answers for. What is common to all systems, and what only the
// others have, is in test_pipe_writer.cpp.
//
// `test_pipe_writer_windows NAME` runs one case of the table at the end; ctest ends one that hangs.
#include "case.hpp"
#include "pipe_writer.hpp"
#include "writing.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <io.h>
#include <windows.h>

namespace {

struct Closing {
    void operator()(HANDLE handle) const noexcept { ::CloseHandle(handle); }
};

/// A pipe whose reading end is a handle and whose writing end is a number of the C library, as Python has it.
struct Pipe {
    std::unique_ptr<void, Closing> reader;
    int writer = -1;

    explicit Pipe(int mode = _O_BINARY) {
        HANDLE from = nullptr;
        HANDLE to = nullptr;
        require(::CreatePipe(&from, &to, nullptr, 0) != 0);
        reader.reset(from);
        writer = ::_open_osfhandle(reinterpret_cast<std::intptr_t>(to), mode);
        require(writer >= 0);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe() { close_writer(); }

    void close_writer() {
        if (const int number = std::exchange(writer, -1); number >= 0) {
            ::_close(number);
        }
    }

    /// All that comes until the last writing end is closed.
    [[nodiscard]] Data drain() const {
        Data all;
        Data part(10'007);
        for (DWORD count = 0;
             ::ReadFile(reader.get(), part.data(), static_cast<DWORD>(part.size()), &count, nullptr) != 0;) {
            all.insert(all.end(), part.begin(), part.begin() + count);
        }
        require(::GetLastError() == ERROR_BROKEN_PIPE);
        return all;
    }
};

Data joined(std::span<const Data> frames) {
    Data all;
    for (const auto& frame : frames) {
        all.insert(all.end(), frame.begin(), frame.end());
    }
    return all;
}

void frames_arrive_in_order() {
    Pipe pipe;
    PipeWriter writer(pipe.writer);
    std::vector<Data> frames;
    for (unsigned seed = 1; seed <= 40; ++seed) {
        frames.push_back(pattern(seed % 5 == 0 ? 0 : seed * 7919, seed));
    }
    Data arrived;
    pipe.close_writer();
    std::thread reading([&] { arrived = pipe.drain(); });
    for (const auto& frame : frames) {
        writer.submit(frame);
    }
    require(writer.wait_until(std::ssize(frames), soon()));
    const auto counts = writer.counts();
    require(counts.written == counts.submitted && counts.released == counts.submitted);
    writer.close();
    reading.join();
    require(arrived == joined(frames));
}

void the_text_mode_of_a_descriptor_is_passed_by() {
    Pipe pipe(_O_TEXT);
    PipeWriter writer(pipe.writer);
    const Data lines(1000, std::byte{'\n'});
    writer.submit(lines);
    require(writer.wait_until(1, soon()));
    writer.close();
    pipe.close_writer();
    require(pipe.drain() == lines);
}

void what_is_announced_arrives_as_it_is_filled() {
    Pipe pipe;
    PipeWriter writer(pipe.writer, {.lend = true, .follow = false});
    pipe.close_writer();
    Data arrived;
    std::thread reading([&] { arrived = pipe.drain(); });
    const auto picture = pattern(3'000'000, 1);
    Data frame(picture.size());
    const auto ticket = writer.announce(frame);
    for (std::size_t done = 0; done < frame.size();) {
        const auto next = std::min(done + 100'000, frame.size());
        std::copy(picture.begin() + static_cast<std::ptrdiff_t>(done),
                  picture.begin() + static_cast<std::ptrdiff_t>(next),
                  frame.begin() + static_cast<std::ptrdiff_t>(done));
        writer.advance(ticket, done = next);
    }
    require(writer.wait_until(ticket, soon()));
    writer.close();
    reading.join();
    require(arrived == picture);
}

void a_reader_that_is_gone_is_an_error_and_stays_one() {
    Pipe pipe;
    PipeWriter writer(pipe.writer);
    pipe.reader.reset();
    const Data frame(100'000);
    writer.submit(frame);
    require(error_of([&] { static_cast<void>(writer.wait_until(1, soon())); }) == EPIPE);
    require(error_of([&] { writer.submit(frame); }) == EPIPE);
    require(writer.counts().released == 1);
    writer.close();
    require(error_of([&] { writer.submit(frame); }) == EPIPE);
}

/// A write that blocks can only be cancelled; `close` does so.
void closing_does_not_wait_for_a_stalled_reader() {
    const Data frame = pattern(1 << 20);
    for (int round = 0; round < 50; ++round) {
        Pipe pipe;
        PipeWriter writer(pipe.writer);
        writer.submit(frame);
        require(!writer.wait_until(1, PipeWriter::Clock::now() + std::chrono::milliseconds(round % 5)));
        std::thread waiting(
            [&] { require(error_of([&] { static_cast<void>(writer.wait_until(1, soon())); }) == refused); });
        writer.close();
        waiting.join();
        require(writer.closed());
        require(writer.counts().released == 1);
    }
}

void a_number_may_be_closed_and_used_again() {
    Pipe pipe;
    Pipe other;
    PipeWriter writer(pipe.writer);
    const int number = pipe.writer;
    pipe.close_writer();
    require(::_dup2(other.writer, number) == 0);
    const auto frame = pattern(200'000);
    Data arrived;
    std::thread reading([&] { arrived = pipe.drain(); });
    writer.submit(frame);
    require(writer.wait_until(1, soon()));
    writer.close();
    reading.join();
    require(arrived == frame);
    ::_close(number);
    other.close_writer();
    require(other.drain().empty());
}

/// The reader gets his end of file although nobody has closed the writer; what was queued comes first. Nor does a
/// file that is given the same number keep it from ending.
void one_that_follows_ends_with_its_original() {
    for (const bool number_is_used_again : {false, true}) {
        Pipe pipe;
        Pipe other;
        PipeWriter writer(pipe.writer, {.lend = false, .follow = true});
        const auto frame = pattern(300'000);
        writer.submit(frame);
        if (number_is_used_again) {
            require(::_dup2(other.writer, pipe.writer) == 0);
        } else {
            pipe.close_writer();
        }
        require(pipe.drain() == frame);
        wait_for([&] { return writer.closed(); });
        require(writer.counts().written == 1);
    }
}

void one_that_follows_stays_while_its_original_is_open() {
    Pipe pipe;
    Pipe shorter;
    PipeWriter writer(pipe.writer, {.lend = false, .follow = true});
    PipeWriter earlier(shorter.writer, {.lend = false, .follow = true});
    shorter.close_writer();
    wait_for([&] { return earlier.closed(); }); // by then this one has looked, too
    const auto frame = pattern(1000);
    require(writer.wait_until(writer.submit(frame), soon()));
    writer.close();
    pipe.close_writer();
    require(pipe.drain() == frame);
}

void no_descriptor_is_refused() {
    for (const int number : {-1, 77, 100'000}) {
        require(error_of([&] { PipeWriter{number}; }) == EBADF);
    }
}

void the_reading_end_is_refused() {
    std::array<int, 2> ends{};
    require(::_pipe(ends.data(), 4096, _O_BINARY) == 0);
    PipeWriter writer(ends[0]);
    const Data frame(10);
    writer.submit(frame);
    require(error_of([&] { static_cast<void>(writer.wait_until(1, soon())); }) == EBADF);
}

constexpr auto cases = std::to_array<Case>({
    {"frames_arrive_in_order", frames_arrive_in_order},
    {"the_text_mode_of_a_descriptor_is_passed_by", the_text_mode_of_a_descriptor_is_passed_by},
    {"what_is_announced_arrives_as_it_is_filled", what_is_announced_arrives_as_it_is_filled},
    {"a_reader_that_is_gone_is_an_error_and_stays_one", a_reader_that_is_gone_is_an_error_and_stays_one},
    {"closing_does_not_wait_for_a_stalled_reader", closing_does_not_wait_for_a_stalled_reader},
    {"a_number_may_be_closed_and_used_again", a_number_may_be_closed_and_used_again},
    {"one_that_follows_ends_with_its_original", one_that_follows_ends_with_its_original},
    {"one_that_follows_stays_while_its_original_is_open", one_that_follows_stays_while_its_original_is_open},
    {"no_descriptor_is_refused", no_descriptor_is_refused},
    {"the_reading_end_is_refused", the_reading_end_is_refused},
});

} // namespace

int main(int argc, char** argv) {
    return run_named(argc, argv, cases, [] {});
}
