// PipeWriter without Python: real pipes, real threads, real signals and forks.
//
// `test_pipe_writer NAME` runs one case of the table at the end in a process of its own, so a case may close
// descriptors 0 to 2, lower limits or leave signals as it likes. Nothing sleeps to "let the other side get
// there": a case waits for what it needs to have happened, and SIGALRM ends it should that never be.
#include "case.hpp"
#include "descriptor.hpp"
#include "pipe_io.hpp"
#include "pipe_writer.hpp"
#include "writing.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using nbpipe::Descriptor;
using nbpipe::Outlet;

/// A pipe whose ends may be closed one by one.
struct Pipe {
    Descriptor reader;
    Descriptor writer;

    Pipe() {
        std::array<int, 2> ends{};
        require(::pipe2(ends.data(), O_CLOEXEC) == 0);
        reader = Descriptor{ends[0]};
        writer = Descriptor{ends[1]};
    }
    Pipe(Descriptor first, Descriptor second) : reader(std::move(first)), writer(std::move(second)) {}

    static Pipe of_sockets() {
        std::array<int, 2> ends{};
        require(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
        return {Descriptor{ends[0]}, Descriptor{ends[1]}};
    }

    /// Reads to the end, at most `step` bytes a time.
    [[nodiscard]] Data drain(std::size_t step = 65536) const {
        Data all;
        Data part(step);
        for (;;) {
            const auto count = ::read(reader.get(), part.data(), part.size());
            if (count < 0 && errno == EINTR) {
                continue;
            }
            require(count >= 0);
            if (count == 0) {
                return all;
            }
            all.insert(all.end(), part.begin(), part.begin() + count);
        }
    }
};

/// Sends `frames` through a writer and compares what arrives. `prepare` runs when the writer is made.
void send_and_compare(Pipe pipe, const std::vector<Data>& frames, std::size_t read_step,
                      const std::function<void(const Pipe&)>& prepare = {}) {
    Data expected;
    for (const auto& frame : frames) {
        expected.insert(expected.end(), frame.begin(), frame.end());
    }
    PipeWriter writer(pipe.writer.get());
    if (prepare) {
        prepare(pipe);
    }
    pipe.writer.reset();
    Data arrived;
    std::thread reading([&] { arrived = pipe.drain(read_step); });
    PipeWriter::Ticket last = 0;
    for (const auto& frame : frames) {
        require(writer.submit(frame) == ++last);
    }
    require(writer.wait_until(last, soon()));
    const auto counts = writer.counts();
    require(counts.written == last && counts.released == last);
    require(std::cmp_equal(counts.bytes, expected.size()));
    writer.close();
    reading.join();
    require(arrived == expected);
}

/// A writer in the middle of a frame, before a pipe that is full and that nobody reads.
struct Stalled {
    Pipe pipe;
    Data frame = pattern(std::size_t{4} << 20U);
    std::unique_ptr<PipeWriter> writer;

    explicit Stalled(Pipe made = {}, PipeWriter::Options options = {}) : pipe(std::move(made)) {
        writer = std::make_unique<PipeWriter>(pipe.writer.get(), options);
        writer->submit(frame);
        wait_until_full();
    }

    void wait_until_full() const {
        pollfd room{.fd = pipe.writer.get(), .events = POLLOUT, .revents = 0};
        wait_for([&] { return ::poll(&room, 1, 0) == 0; });
    }
};

// ---- bytes ------------------------------------------------------------------------------------------------

void odd_sizes_arrive_exactly() {
    std::vector<Data> frames;
    for (const std::size_t size : {1, 2, 3, 4095, 4096, 4097, 65535, 65537, (1 << 20) + 1, 3'000'001}) {
        frames.push_back(pattern(size, static_cast<unsigned>(size)));
    }
    send_and_compare({}, frames, 65536);
}

void slow_reader_in_small_reads() { send_and_compare({}, {pattern(300'001), pattern(7)}, 13); }

void pipe_of_one_page() {
    send_and_compare({}, {pattern(1'000'003)}, 1000, [](const Pipe& pipe) {
        require(::fcntl(pipe.reader.get(), F_SETPIPE_SZ, 4096) == 4096);
    });
}

void pipe_is_enlarged() {
    const Pipe pipe;
    const PipeWriter writer(pipe.writer.get());
    require(::fcntl(pipe.writer.get(), F_GETPIPE_SZ) == 1 << 20);
}

void empty_frames_get_tickets() { send_and_compare({}, {{}, pattern(5), {}, {}, pattern(6), {}}, 64); }

void socket_instead_of_a_pipe() {
    send_and_compare(Pipe::of_sockets(), {pattern(3'000'001), pattern(11)}, 4096);
}

void regular_file() {
    const Descriptor file{::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    const auto frame = pattern(5'000'001);
    {
        PipeWriter writer(file.get());
        require(writer.wait_until(writer.submit(frame), soon()));
    }
    Data content(frame.size() + 1);
    require(::pread(file.get(), content.data(), content.size(), 0) == static_cast<ssize_t>(frame.size()));
    content.pop_back();
    require(content == frame);
}

/// Linux takes at most 2,147,479,552 bytes in one call.
void more_than_two_gibibytes() {
    const std::size_t size = (std::size_t{2} << 30U) + 5;
    const void* const zeros =
        ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(zeros != MAP_FAILED);
    const Descriptor nowhere{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
    PipeWriter writer(nowhere.get());
    require(writer.wait_until(writer.submit({static_cast<const std::byte*>(zeros), size}), soon()));
    require(std::cmp_equal(writer.counts().bytes, size));
}

// ---- lending ----------------------------------------------------------------------------------------------

constexpr PipeWriter::Options lending{.lend = true};

/// One buffer, filled anew the moment its ticket is written, before a reader who dawdles: any page that is
/// still lent by then arrives with the next frame's bytes.
void lent_memory_is_free_when_it_is_written() {
    Pipe pipe;
    PipeWriter writer(pipe.writer.get(), lending);
    pipe.writer.reset();
    constexpr std::size_t size = 3'000'001;
    constexpr unsigned frames = 20;
    Data arrived;
    std::thread reading([&] { arrived = pipe.drain(10'007); });
    Data buffer;
    for (unsigned seed = 0; seed < frames; ++seed) {
        const auto frame = pattern(size, seed);
        buffer.resize(size);
        std::ranges::copy(frame, buffer.begin());
        require(writer.wait_until(writer.submit(buffer), soon()));
    }
    std::ranges::fill(buffer, std::byte{});
    writer.close();
    reading.join();
    require(arrived.size() == size * frames);
    for (unsigned seed = 0; seed < frames; ++seed) {
        require(std::ranges::equal(std::span(arrived).subspan(seed * size, size), pattern(size, seed)));
    }
}

/// The pipe refers to the writer's own pages: what is changed before it is read, arrives changed. This is why
/// lending must be asked for, and it proves that nothing was copied.
void lent_memory_is_not_copied() {
    const Pipe pipe;
    auto frame = pattern(std::size_t{3} << 20U);
    PipeWriter writer(pipe.writer.get(), lending);
    writer.submit(frame);
    pollfd room{.fd = pipe.writer.get(), .events = POLLOUT, .revents = 0};
    wait_for([&] { return ::poll(&room, 1, 0) == 0; });
    constexpr std::byte mark{0x5A};
    const auto before = frame.at(1000);
    frame.at(1000) = mark;
    Data head(2000);
    require(before != mark);
    require(::read(pipe.reader.get(), head.data(), head.size()) == static_cast<ssize_t>(head.size()));
    require(head.at(1000) == mark);
}

/// Each part can be read before the next is there; what is not there yet is not.
void announced_frames_arrive_as_they_are_filled() {
    Pipe pipe;
    PipeWriter writer(pipe.writer.get(), lending);
    pipe.writer.reset();
    const auto first = pattern(std::size_t{3} << 20U, 1);
    const auto second = pattern(5000, 2);
    Data memory(first.size(), std::byte{0xEE});
    const auto ticket = writer.announce(memory);
    require(writer.submit(second) == ticket + 1);
    Data arrived;
    for (std::size_t there = 0, step = 1; there < first.size(); step = 3 * step + 1) {
        const auto more = std::min(step, first.size() - there);
        std::ranges::copy(std::span(first).subspan(there, more), memory.begin() + std::ssize(arrived));
        writer.advance(ticket, there += more);
        while (arrived.size() < there) {
            Data part(std::min(there - arrived.size(), std::size_t{10'007}));
            const auto count = ::read(pipe.reader.get(), part.data(), part.size());
            require(count > 0);
            arrived.insert(arrived.end(), part.begin(), part.begin() + count);
        }
        require(there == first.size() || writer.counts().written == 0);
    }
    require(arrived == first);
    require(writer.wait_until(ticket + 1, soon()));
    writer.close();
    require(pipe.drain() == second);
}

void unfilled_frames_delay_no_close() {
    Stalled stalled;
    Data memory(stalled.frame.size());
    auto& writer = *stalled.writer;
    const auto ticket = writer.announce(memory);
    std::thread reading([&] { static_cast<void>(stalled.pipe.drain()); });
    require(writer.wait_until(ticket - 1, soon()));
    writer.advance(ticket, 1000);
    writer.close();
    require(error_of([&] { static_cast<void>(writer.wait_until(ticket, soon())); }) == refused);
    writer.advance(ticket, memory.size());
    require(error_of([&] { writer.announce(memory); }) == refused);
    stalled.pipe.writer.reset();
    reading.join();
}

/// Then a capacity of bytes behind what is lent proves nothing any more.
void lent_memory_stays_lent_in_a_pipe_that_grows() {
    Pipe pipe;
    PipeWriter writer(pipe.writer.get(), lending);
    require(::fcntl(pipe.writer.get(), F_SETPIPE_SZ, 65536) == 65536);
    const auto sent = pattern(200'000);
    auto frame = sent;
    writer.submit(frame);
    pollfd room{.fd = pipe.writer.get(), .events = POLLOUT, .revents = 0};
    wait_for([&] { return ::poll(&room, 1, 0) == 0; });
    require(::fcntl(pipe.writer.get(), F_SETPIPE_SZ, 1 << 20) == 1 << 20); // now there is room for all of it
    wait_for([&] { return std::cmp_equal(writer.counts().bytes, frame.size()); });
    require(writer.counts().written == 0);
    pipe.writer.reset();
    Data arrived;
    std::thread reading([&] { arrived = pipe.drain(); });
    require(writer.wait_until(1, soon()));
    std::ranges::fill(frame, std::byte{});
    writer.close();
    reading.join();
    require(arrived == sent);
}

/// What is left in a FIFO when its reader goes is gone with the last writer, and not for the next reader to find. So by
/// the time that the error is told, the writer's own way there must be closed.
void nothing_is_left_in_a_fifo_whose_reader_has_gone() {
    const auto name = std::filesystem::temp_directory_path() / ("nbpipe-fifo-" + std::to_string(::getpid()));
    const Data frame(3'000'000); // more than any pipe holds
    require(::mkfifo(name.c_str(), 0600) == 0);
    for (int round = 0; round < 3000; ++round) {
        Descriptor reader{::open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
        Descriptor users{::open(name.c_str(), O_WRONLY | O_CLOEXEC)};
        PipeWriter writer(users.get());
        writer.submit(frame);
        wait_for([&] { return writer.counts().bytes > 0; });
        reader.reset();
        while (writer.counts().released == 0) { // no yield: the time between the two is short
        }
        users.reset();
        reader = Descriptor{::open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
        std::byte stale{};
        require(::read(reader.get(), &stale, 1) == 0);
        require(error_of([&] { writer.submit(frame); }) == EPIPE);
    }
    require(::unlink(name.c_str()) == 0);
}

void lending_to_other_than_pipes_copies() {
    auto pipe = Pipe::of_sockets();
    const auto frame = pattern(3'000'001);
    PipeWriter writer(pipe.writer.get(), lending);
    pipe.writer.reset();
    std::thread reading([&] { require(pipe.drain() == frame); });
    require(writer.wait_until(writer.submit(frame), soon()));
    writer.close();
    reading.join();
}

// ---- following --------------------------------------------------------------------------------------------

constexpr PipeWriter::Options following{.follow = true};

void following_ends_with_the_descriptor() {
    Pipe pipe;
    const auto frame = pattern(3'000'001);
    PipeWriter writer(pipe.writer.get(), following);
    writer.submit(frame);
    const int number = pipe.writer.get();
    pipe.writer.reset();
    const Descriptor other{::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    require(other.get() == number); // the number leads elsewhere now
    require(pipe.drain() == frame); // ends, though the writer is open
    wait_for([&] { return writer.closed(); });
    require(::lseek(other.get(), 0, SEEK_END) == 0);
    require(error_of([&] { writer.submit(frame); }) == refused);
    require(writer.wait_until(1, soon()));
}

void not_following_holds_the_pipe_open() {
    Pipe pipe;
    PipeWriter writer(pipe.writer.get());
    pipe.writer.reset();
    const auto frame = pattern(10);
    require(writer.wait_until(writer.submit(frame), soon()));
    Data head(10);
    require(::read(pipe.reader.get(), head.data(), head.size()) == ssize_t{10});
    pollfd end{.fd = pipe.reader.get(), .events = POLLIN, .revents = 0};
    require(::poll(&end, 1, 100) == 0);
    writer.close();
    require(::poll(&end, 1, -1) == 1);
}

// ---- signals ----------------------------------------------------------------------------------------------

std::atomic<int> signals_handled = 0;
std::atomic<pid_t> handled_by = 0;

void install_handler_without_restart() {
    struct sigaction action{};
    action.sa_handler = [](int) {
        ++signals_handled;
        handled_by = ::gettid();
    };
    require(::sigaction(SIGUSR1, &action, nullptr) == 0);
}

/// The writer's own thread blocks signals, so the storm goes to a thread that drives an Outlet without that.
void outlet_in_a_storm_of_signals() {
    install_handler_without_restart();
    const Pipe pipe;
    Outlet outlet(pipe.writer.get());
    require(::fcntl(pipe.writer.get(), F_SETPIPE_SZ, 4096) == 4096);
    const auto frame = pattern(2'000'000);
    std::atomic<bool> done = false;
    std::atomic<bool> failed = false;
    std::thread writing([&] {
        std::span<const std::byte> rest(frame);
        while (!rest.empty() && !failed) {
            const auto taken = outlet.write_some(rest).bytes;
            failed = taken < 0 || (taken == 0 && outlet.wait_writable() != 0);
            rest = rest.subspan(static_cast<std::size_t>(std::max<std::ptrdiff_t>(taken, 0)));
        }
        done = true;
    });
    std::thread storm([&, target = writing.native_handle()] {
        while (!done) {
            ::pthread_kill(target, SIGUSR1);
            std::this_thread::yield();
        }
    });
    Data arrived(frame.size());
    wait_for([] { return signals_handled > 100; }); // the pipe is full: all of these interrupt poll()
    for (std::size_t got = 0; got < arrived.size() && !failed;) {
        const auto count =
            ::read(pipe.reader.get(), &arrived.at(got), std::min<std::size_t>(arrived.size() - got, 999));
        got += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
    }
    storm.join();
    writing.join();
    require(!failed && arrived == frame);
}

/// With every other thread closed to it, a signal to the process has nowhere to go but the writer's thread.
void writer_thread_handles_no_signal() {
    install_handler_without_restart();
    Stalled stalled;
    sigset_t user1;
    sigemptyset(&user1);
    sigaddset(&user1, SIGUSR1);
    require(::pthread_sigmask(SIG_BLOCK, &user1, nullptr) == 0);
    require(::kill(::getpid(), SIGUSR1) == 0);
    stalled.pipe.writer.reset();
    std::thread reading([&] { require(stalled.pipe.drain() == stalled.frame); });
    require(stalled.writer->wait_until(1, soon()));
    stalled.writer->close();
    reading.join();
    require(signals_handled == 0);
    require(::pthread_sigmask(SIG_UNBLOCK, &user1, nullptr) == 0);
    require(signals_handled == 1 && handled_by == ::getpid());
}

// ---- processors -------------------------------------------------------------------------------------------

cpu_set_t processors_of(pid_t thread) {
    cpu_set_t found;
    require(::sched_getaffinity(thread, sizeof found, &found) == 0);
    return found;
}

std::set<pid_t> threads() {
    std::set<pid_t> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        found.insert(static_cast<pid_t>(std::stol(entry.path().filename())));
    }
    return found;
}

void writer_keeps_off_the_processor_that_submits() {
    const auto all = processors_of(0);
    if (CPU_COUNT(&all) < 2) {
        return;
    }
    std::thread([] {}).join(); // ThreadSanitizer starts a thread of its own with the first
    const auto before = threads();
    Stalled stalled;
    auto after = threads();
    std::erase_if(after, [&](pid_t thread) { return before.contains(thread); });
    require(after.size() == 1);
    const pid_t writing = *after.begin();
    const auto may_run_on = [&](const cpu_set_t& processors) {
        const auto found = processors_of(writing);
        return CPU_EQUAL(&found, &processors) != 0;
    };
    for (int here = 0; here < CPU_SETSIZE; ++here) {
        if (!CPU_ISSET(here, &all)) {
            continue;
        }
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(here, &one);
        require(::sched_setaffinity(0, sizeof one, &one) == 0);
        stalled.writer->submit(stalled.frame);
        auto others = all;
        CPU_CLR(here, &others);
        require(may_run_on(others));
    }
    std::thread waiting([&] {
        const auto wait = [&] { static_cast<void>(stalled.writer->wait_until(1, soon())); };
        require(error_of(wait) == refused);
    });
    wait_for([&] { return may_run_on(all); });
    stalled.writer->close();
    waiting.join();
}

void writer_stays_where_the_program_may_run() {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(::sched_getcpu(), &one);
    require(::sched_setaffinity(0, sizeof one, &one) == 0);
    send_and_compare({}, {pattern(3'000'001), pattern(11)}, 65536);
}

// ---- errors -----------------------------------------------------------------------------------------------

void broken(Stalled stalled) {
    require(::signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    stalled.writer->submit(stalled.frame);
    std::array<std::byte, 1000> some{};
    require(::read(stalled.pipe.reader.get(), some.data(), some.size()) == ssize_t{some.size()});
    stalled.pipe.reader.reset();
    const auto wait = [&] { static_cast<void>(stalled.writer->wait_until(2, soon())); };
    require(error_of(wait) == EPIPE);
    require(error_of([&] { stalled.writer->submit(stalled.frame); }) == EPIPE);
    const auto counts = stalled.writer->counts();
    require(counts.submitted == 2 && counts.written == 0 && counts.released == 2);
    stalled.writer->close();
    require(error_of(wait) == EPIPE); // the cause, not "closed"
}

void reader_of_a_pipe_goes() { broken(Stalled{}); }
void reader_of_lent_memory_goes() { broken(Stalled{{}, lending}); }
void reader_of_a_socket_goes() { broken(Stalled{Pipe::of_sockets()}); }

void full_disk() {
    const Descriptor full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
    PipeWriter writer(full.get());
    const auto frame = pattern(10);
    const auto ticket = writer.submit(frame);
    require(error_of([&] { static_cast<void>(writer.wait_until(ticket, soon())); }) == ENOSPC);
}

int lowest_free_number() {
    const Descriptor probe{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)};
    return probe.get();
}

/// While it lives, the process can open `spare` descriptors more.
class DescriptorLimit {
  public:
    explicit DescriptorLimit(rlim_t spare) {
        require(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
        auto limit = before_;
        limit.rlim_cur = static_cast<rlim_t>(lowest_free_number()) + spare;
        require(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    }
    DescriptorLimit(const DescriptorLimit&) = delete;
    DescriptorLimit& operator=(const DescriptorLimit&) = delete;
    ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  private:
    rlimit before_{};
};

void bad_descriptors_leave_nothing_open() {
    const Pipe pipe;
    const int free_before = lowest_free_number();
    for (const int fd : {-1, 12345, pipe.reader.get()}) {
        require(error_of([&] { const PipeWriter writer(fd); }) == EBADF);
    }
    require(lowest_free_number() == free_before);
}

/// With no descriptor or one to spare it fails and leaves nothing; with two it does without the reopening.
void few_descriptors_left() {
    const Pipe pipe;
    const int free_before = lowest_free_number();
    for (const rlim_t spare : {0, 1, 2, 3}) {
        const DescriptorLimit limit(spare);
        require(error_of([&] { PipeWriter(pipe.writer.get()).submit({}); }) == (spare < 2 ? EMFILE : 0));
    }
    require(lowest_free_number() == free_before);
}

void tickets_never_given() {
    const Pipe pipe;
    PipeWriter writer(pipe.writer.get());
    const auto ticket = writer.submit({});
    for (const auto never : {ticket - 1, ticket + 1, PipeWriter::Ticket{-5}}) {
        require(error_of([&] { static_cast<void>(writer.wait_until(never, soon())); }) == refused);
    }
}

// ---- closing ----------------------------------------------------------------------------------------------

void close_while_stalled(Stalled stalled) {
    require(!stalled.writer->wait_until(1, PipeWriter::Clock::now()));
    Data start(100'000); // room for less than the thread would like to write
    start.resize(static_cast<std::size_t>(::read(stalled.pipe.reader.get(), start.data(), start.size())));
    stalled.wait_until_full();
    stalled.writer->close();
    const auto counts = stalled.writer->counts();
    require(stalled.writer->closed() && counts.written == 0 && counts.released == 1);
    require(error_of([&] { stalled.writer->submit({}); }) == refused);
    require(error_of([&] { static_cast<void>(stalled.writer->wait_until(1, soon())); }) == refused);
    stalled.writer->close();
    stalled.pipe.writer.reset();
    auto arrived = std::move(start);
    const auto rest = stalled.pipe.drain(); // ends, so the duplicate is closed
    arrived.insert(arrived.end(), rest.begin(), rest.end());
    require(std::ranges::equal(arrived, std::span(stalled.frame).first(arrived.size())));
    require(std::cmp_equal(arrived.size(), counts.bytes));
}

void close_before_a_stalled_pipe() { close_while_stalled(Stalled{}); }
void close_before_a_stalled_socket() { close_while_stalled(Stalled{Pipe::of_sockets()}); }

void close_when_idle_and_twice() {
    const Pipe pipe;
    PipeWriter writer(pipe.writer.get());
    writer.close();
    writer.close();
    require(writer.closed());
}

void close_if_written_drops_nothing() {
    Stalled stalled;
    require(!stalled.writer->close_if_written() && !stalled.writer->closed());
    std::thread reading([&] { require(stalled.pipe.drain() == stalled.frame); });
    require(stalled.writer->wait_until(1, soon()));
    require(stalled.writer->close_if_written() && stalled.writer->closed());
    stalled.pipe.writer.reset();
    reading.join();
    require(error_of([&] { stalled.writer->submit({}); }) == refused);
}

void close_if_written_after_an_error() {
    Stalled stalled;
    stalled.pipe.reader.reset();
    require(error_of([&] { static_cast<void>(stalled.writer->wait_until(1, soon())); }) == EPIPE);
    require(stalled.writer->close_if_written() && stalled.writer->closed());
}

void close_from_many_threads_while_others_wait() {
    Stalled stalled;
    std::atomic<int> waiting = 0;
    std::vector<std::thread> threads;
    threads.reserve(8);
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            ++waiting;
            require(error_of([&] { static_cast<void>(stalled.writer->wait_until(1, soon())); }) == refused);
        });
    }
    wait_for([&] { return waiting == 4; });
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            stalled.writer->close();
            require(stalled.writer->counts().released == 1); // for each of them the thread has ended
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
}

// ---- the user's descriptor --------------------------------------------------------------------------------

void number_given_to_another_file() {
    Stalled stalled;
    const auto more = pattern(100'000, 2);
    stalled.writer->submit(more);
    const Descriptor file{::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    require(::dup2(file.get(), stalled.pipe.writer.get()) == stalled.pipe.writer.get());
    Data arrived;
    std::thread reading([&] { arrived = stalled.pipe.drain(); });
    require(stalled.writer->wait_until(2, soon()));
    stalled.writer->close();
    reading.join();
    require(arrived.size() == stalled.frame.size() + more.size());
    struct stat status{};
    require(::fstat(file.get(), &status) == 0 && status.st_size == 0);
}

void flags_stay_as_they_were() {
    for (const int flag : {0, O_NONBLOCK}) {
        for (const bool socket : {false, true}) {
            const Pipe pipe = socket ? Pipe::of_sockets() : Pipe{};
            require(::fcntl(pipe.writer.get(), F_SETFL, flag) == 0);
            const int before = ::fcntl(pipe.writer.get(), F_GETFL);
            PipeWriter writer(pipe.writer.get());
            require(writer.wait_until(writer.submit({}), soon()));
            require(::fcntl(pipe.writer.get(), F_GETFL) == before);
            writer.close();
            require(::fcntl(pipe.writer.get(), F_GETFL) == before);
        }
    }
}

void numbers_of_standard_streams_stay_free() {
    const Pipe pipe;
    const Descriptor saved{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)};
    ::close(STDIN_FILENO);
    ::close(STDOUT_FILENO);
    ::close(STDERR_FILENO);
    bool taken = false;
    {
        const PipeWriter writer(pipe.writer.get());
        for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
            taken = taken || ::fcntl(standard, F_GETFD) >= 0;
        }
    }
    ::dup2(saved.get(), STDERR_FILENO);
    require(!taken);
}

/// Systems without /proc cannot reopen a pipe. Here there is no descriptor left for it.
template <typename Test> void with_a_shared_description(const Test& test) {
    Pipe pipe;
    std::optional<DescriptorLimit> two(2);
    test(std::move(pipe), [&two](const Pipe&) { two.reset(); });
}

void shared_description_arrives_exactly() {
    with_a_shared_description([](Pipe pipe, const auto& lift_limit) {
        send_and_compare(std::move(pipe), {pattern(1'000'003), pattern(9)}, 1000, lift_limit);
    });
}

void shared_description_closes_while_stalled() {
    with_a_shared_description([](Pipe pipe, const auto&) { close_while_stalled(Stalled{std::move(pipe)}); });
}

// ---- fork -------------------------------------------------------------------------------------------------

/// Runs `in_child` in a fork that then waits until `release` is closed; returns when in_child has ended.
struct Child {
    Pipe ready;
    Pipe release;
    pid_t pid;

    explicit Child(const std::function<void()>& in_child) : pid(::fork()) {
        require(pid >= 0);
        if (pid == 0) {
            ::alarm(deadline_of_a_case);
            in_child();
            ready.writer.reset();
            release.writer.reset();
            // Not drain(), which allocates: the fork may find another thread in the allocator, and ASan's stays locked
            // in the child then.
            std::byte none{};
            while (::read(release.reader.get(), &none, 1) < 0 && errno == EINTR) {
            }
            std::_Exit(0);
        }
        ready.writer.reset();
        static_cast<void>(ready.drain());
    }

    void end() {
        release.writer.reset();
        int status = 0;
        require(::waitpid(pid, &status, 0) == pid && status == 0);
    }
};

void forked_child_does_not_hold_the_pipe() {
    Stalled stalled;
    Child child([&] { stalled.pipe.writer.reset(); });
    stalled.pipe.writer.reset();
    stalled.writer->close();
    require(!stalled.pipe.drain().empty()); // ends although the child is there
    child.end();
}

/// That a child can make its own writer is in test_native.py: no sanitizer allows threads after a fork.
void forked_child_has_an_inert_object() {
    const Pipe pipe;
    auto idle = std::make_unique<PipeWriter>(pipe.writer.get()); // its thread waits in a condition variable
    auto closed = std::make_unique<PipeWriter>(pipe.writer.get());
    closed->close();
    Stalled stalled; // its thread waits in poll()
    std::thread waiting([&] { error_of([&] { static_cast<void>(stalled.writer->wait_until(1, soon())); }); });
    Child child([&] {
        for (auto* writer : {&idle, &closed, &stalled.writer}) {
            require(error_of([&] { (*writer)->submit({}); }) == refused);
            require(error_of([&] { static_cast<void>((*writer)->wait_until(1, soon())); }) == refused);
            require(error_of([&] { static_cast<void>((*writer)->counts()); }) == refused);
            require((*writer)->released() == PipeWriter::all_tickets && (*writer)->closed());
            (*writer)->close();
            writer->reset();
        }
    });
    child.end();
    require(idle->wait_until(idle->submit({}), soon()));
    stalled.writer->close();
    waiting.join();
}

void forks_under_load() {
    Pipe pipe;
    PipeWriter writer(pipe.writer.get());
    pipe.writer.reset();
    std::int64_t arrived = 0;
    std::thread reading([&] { arrived = static_cast<std::int64_t>(pipe.drain().size()); });
    std::atomic<bool> done = false;
    const auto frame = pattern(5000);
    std::thread writing([&] {
        while (!done) {
            require(writer.wait_until(writer.submit(frame), soon()));
        }
    });
    for (int i = 0; i < 100; ++i) {
        const auto before = writer.counts().written;
        Child child([&] { require(writer.closed()); });
        child.end();
        wait_for([&] { return writer.counts().written > before; });
    }
    done = true;
    writing.join();
    const auto counts = writer.counts();
    writer.close();
    reading.join();
    require(arrived == counts.bytes);
}

// ---- everything at once -----------------------------------------------------------------------------------

/// Four threads send frames that say who sent them, which one it is and how long, ask for old tickets, look
/// at the counts and now and then close; the reader's steps differ by round. What arrives must be whole
/// frames (the last may be cut by a close), each thread's in order; without a close, all of them.
struct Fuzz {
    static constexpr unsigned threads = 4;
    static constexpr unsigned steps =
        100; // of a thread in a round, unless a writer that is closed refuses one

    struct Header {
        std::uint32_t thread;
        std::uint32_t index;
        std::uint32_t size;
    };

    static Data frame_of(Header header) {
        auto frame = pattern(sizeof header + header.size, header.thread * 1000 + header.index + 1);
        std::memcpy(frame.data(), &header, sizeof header);
        return frame;
    }

    std::array<std::vector<Data>, threads> sent;
    std::atomic<unsigned> taken = 0;
    bool may_close = false;
    bool lent = false;

    /// Memory is the sender's again as soon as its ticket is written, so he spoils it at once.
    static void spoil(std::vector<std::pair<PipeWriter::Ticket, Data*>>& mine, PipeWriter::Ticket written) {
        while (!mine.empty() && mine.front().first <= written) {
            std::ranges::fill(*mine.front().second, std::byte{0xEE});
            mine.erase(mine.begin());
        }
    }

    static PipeWriter::Ticket announced(PipeWriter& writer, Data& memory, std::minstd_rand& random) {
        const Data frame = memory;
        std::ranges::fill(memory, std::byte{0xEE});
        const auto ticket = writer.announce(memory);
        for (std::size_t there = 0; there < frame.size();) {
            const auto more = std::min(frame.size() - there, std::size_t{1} + random() % 7001);
            std::ranges::copy(std::span(frame).subspan(there, more),
                              std::span(memory).subspan(there).begin());
            writer.advance(ticket, there += more);
        }
        return ticket;
    }

    void act(PipeWriter& writer, std::uint32_t thread, unsigned seed) {
        std::minstd_rand random(seed);
        PipeWriter::Ticket last = 0;
        std::vector<std::pair<PipeWriter::Ticket, Data*>> mine;
        for (unsigned step = 0; step < steps; ++step, ++taken) {
            const auto dice = random() % 16;
            if (dice < 8) {
                auto& frames = sent.at(thread);
                frames.push_back(frame_of({thread, static_cast<std::uint32_t>(frames.size()),
                                           static_cast<std::uint32_t>(random() % 20'000)}));
                last = dice < 4 ? writer.submit(frames.back()) : announced(writer, frames.back(), random);
                mine.emplace_back(last, &frames.back());
            } else if (dice < 12 && last > 0) {
                const auto ticket = PipeWriter::Ticket{1} + static_cast<PipeWriter::Ticket>(random()) % last;
                const bool written = writer.wait_until(ticket, PipeWriter::Clock::now() +
                                                                   std::chrono::microseconds(random() % 300));
                require(!written || writer.counts().written >= ticket);
                spoil(mine, written ? ticket : 0);
            } else if (dice < 15) {
                const auto counts = writer.counts();
                require(counts.written <= counts.released && counts.released <= counts.submitted);
            } else if (may_close && random() % 8 == 0) {
                writer.close();
            } else if (may_close && writer.close_if_written()) {
                const auto counts = writer.counts();
                require(counts.released == counts.submitted);
            }
        }
        if (!may_close && last > 0) {
            require(writer.wait_until(last, soon()));
        }
    }

    void check(std::span<const std::byte> arrived) const {
        std::array<std::uint32_t, threads> next{};
        while (arrived.size() >= sizeof(Header)) {
            Header header{};
            std::memcpy(&header, arrived.data(), sizeof header);
            require(header.thread < threads && header.index == next.at(header.thread)++);
            const auto frame = frame_of(header);
            const auto count = std::min(frame.size(), arrived.size());
            require(std::ranges::equal(arrived.first(count), std::span(frame).first(count)));
            require(count == frame.size() || may_close);
            arrived = arrived.subspan(count);
        }
        for (std::uint32_t thread = 0; thread < threads; ++thread) {
            require(may_close || (arrived.empty() && next.at(thread) == sent.at(thread).size()));
        }
    }

    void round(unsigned seed) {
        may_close = seed % 2 == 1;
        lent = seed % 4 >= 2;
        for (auto& frames : sent) {
            frames.reserve(steps); // a frame that is lent must not move
        }
        Pipe pipe;
        PipeWriter writer(pipe.writer.get(), {.lend = lent, .follow = false});
        if (lent) { // small, or none of these frames would be long enough to lend
            require(::fcntl(pipe.writer.get(), F_SETPIPE_SZ, 4096) == 4096);
        }
        pipe.writer.reset();
        Data arrived;
        std::thread reading([&] { arrived = pipe.drain(1 + seed * 7919 % 40'000); });
        std::vector<std::thread> acting;
        acting.reserve(threads);
        for (std::uint32_t thread = 0; thread < threads; ++thread) {
            acting.emplace_back([&, thread] {
                const int error = error_of([&] { act(writer, thread, seed * threads + thread + 1); });
                require(error == 0 || (may_close && error == refused));
            });
        }
        for (auto& thread : acting) {
            thread.join();
        }
        writer.close();
        reading.join();
        check(arrived);
    }
};

void random_steps_of_many_threads() {
#ifdef __SANITIZE_THREAD__ // where a round takes ten times as long
    constexpr unsigned all = 20'000;
#else
    constexpr unsigned all = 100'000;
#endif
    for (unsigned seed = 0, taken = 0; taken < all; ++seed) {
        Fuzz fuzz;
        fuzz.round(seed);
        taken += fuzz.taken;
    }
}

constexpr auto cases = std::to_array<Case>({
    {"odd_sizes_arrive_exactly", odd_sizes_arrive_exactly},
    {"slow_reader_in_small_reads", slow_reader_in_small_reads},
    {"pipe_of_one_page", pipe_of_one_page},
    {"pipe_is_enlarged", pipe_is_enlarged},
    {"empty_frames_get_tickets", empty_frames_get_tickets},
    {"socket_instead_of_a_pipe", socket_instead_of_a_pipe},
    {"regular_file", regular_file},
    {"more_than_two_gibibytes", more_than_two_gibibytes},
    {"lent_memory_is_free_when_it_is_written", lent_memory_is_free_when_it_is_written},
    {"lent_memory_is_not_copied", lent_memory_is_not_copied},
    {"announced_frames_arrive_as_they_are_filled", announced_frames_arrive_as_they_are_filled},
    {"unfilled_frames_delay_no_close", unfilled_frames_delay_no_close},
    {"lent_memory_stays_lent_in_a_pipe_that_grows", lent_memory_stays_lent_in_a_pipe_that_grows},
    {"nothing_is_left_in_a_fifo_whose_reader_has_gone", nothing_is_left_in_a_fifo_whose_reader_has_gone},
    {"lending_to_other_than_pipes_copies", lending_to_other_than_pipes_copies},
    {"following_ends_with_the_descriptor", following_ends_with_the_descriptor},
    {"not_following_holds_the_pipe_open", not_following_holds_the_pipe_open},
    {"outlet_in_a_storm_of_signals", outlet_in_a_storm_of_signals},
    {"writer_thread_handles_no_signal", writer_thread_handles_no_signal},
    {"writer_keeps_off_the_processor_that_submits", writer_keeps_off_the_processor_that_submits},
    {"writer_stays_where_the_program_may_run", writer_stays_where_the_program_may_run},
    {"reader_of_a_pipe_goes", reader_of_a_pipe_goes},
    {"reader_of_lent_memory_goes", reader_of_lent_memory_goes},
    {"reader_of_a_socket_goes", reader_of_a_socket_goes},
    {"full_disk", full_disk},
    {"bad_descriptors_leave_nothing_open", bad_descriptors_leave_nothing_open},
    {"few_descriptors_left", few_descriptors_left},
    {"tickets_never_given", tickets_never_given},
    {"close_before_a_stalled_pipe", close_before_a_stalled_pipe},
    {"close_before_a_stalled_socket", close_before_a_stalled_socket},
    {"close_when_idle_and_twice", close_when_idle_and_twice},
    {"close_if_written_drops_nothing", close_if_written_drops_nothing},
    {"close_if_written_after_an_error", close_if_written_after_an_error},
    {"close_from_many_threads_while_others_wait", close_from_many_threads_while_others_wait},
    {"number_given_to_another_file", number_given_to_another_file},
    {"flags_stay_as_they_were", flags_stay_as_they_were},
    {"numbers_of_standard_streams_stay_free", numbers_of_standard_streams_stay_free},
    {"shared_description_arrives_exactly", shared_description_arrives_exactly},
    {"shared_description_closes_while_stalled", shared_description_closes_while_stalled},
    {"forked_child_does_not_hold_the_pipe", forked_child_does_not_hold_the_pipe},
    {"forked_child_has_an_inert_object", forked_child_has_an_inert_object},
    {"forks_under_load", forks_under_load},
    {"random_steps_of_many_threads", random_steps_of_many_threads},
});

} // namespace

int main(int argc, char** argv) {
    return run_named(argc, argv, cases, [] {
        require(::close_range(3, ~0U, 0) == 0); // a case starts with the standard streams alone
        ::alarm(deadline_of_a_case);
    });
}
