#include "pipe_writer.hpp"

#include "pipe_io.hpp"
#include "thread.hpp"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace nbpipe {
namespace {

using Bytes = std::span<const std::byte>;

constexpr auto look_interval = std::chrono::milliseconds(10); // what waits for the end of file feels no delay

} // namespace

struct PipeWriter::Worker {
    struct Queued {
        Bytes data;
        std::size_t filled; // so much of it may be written
    };

    Worker(int fd, const Options& options)
        : outlet(fd, options.lend ? Outlet::Lending::where_possible : Outlet::Lending::no),
          follow(options.follow) {
        thread = Thread([this] { run(); });
    }

    void run() noexcept;
    void rest(std::unique_lock<std::mutex>& lock) noexcept;
    int write_all(Bytes data) noexcept;
    [[nodiscard]] Queued& at(Ticket ticket);
    [[nodiscard]] std::size_t behind() const;
    void settle();
    void throw_if_over() const;
    Ticket enqueue(const Queued& item);

    Outlet outlet;
    const bool follow;

    std::mutex mutex; // for all of this block
    std::condition_variable work;
    std::condition_variable progress;
    std::deque<Queued> queue; // the front is being written
    std::size_t queued_bytes = 0;
    struct InFlight {                // a ticket that has gone into the pipe whole
        std::int64_t written_at = 0; // the count of bytes at which it is written
        std::int64_t lent_to = 0;    // where the last of it that is lent ends
    };
    std::deque<InFlight> in_flight;
    InFlight front; // of the front of the queue, as far as it has gone
    Counts counts;
    int error = 0; // the first errno; 0 while there is none
    bool closing = false;

    std::once_flag close_once; // makes every close() wait for the one that joins
    Thread thread;
};

void PipeWriter::Worker::run() noexcept {
    std::unique_lock lock(mutex);
    while (!closing && error == 0) {
        if (queue.empty()) {
            rest(lock);
            continue;
        }
        const Bytes data = queue.front().data;
        lock.unlock();
        const int result = write_all(data);
        lock.lock();
        if (result == 0) {
            queue.pop_front();
            queued_bytes -= data.size();
            front.written_at = std::max(front.written_at, counts.bytes);
            in_flight.push_back(std::exchange(front, {}));
            settle();
        } else if (result != ECANCELED) {
            // Before anybody is told: the next reader of a FIFO would find in it what the last one has left.
            lock.unlock();
            outlet.hang_up();
            lock.lock();
            error = result;
        }
        progress.notify_all();
    }
    counts.released = counts.submitted;
    lock.unlock(); // to close a file on a network may take long
    outlet.hang_up();
}

/// Waits for work. A writer that follows closes itself here when nothing more can come.
void PipeWriter::Worker::rest(std::unique_lock<std::mutex>& lock) noexcept {
    if (!follow && in_flight.empty()) {
        work.wait(lock);
    } else if (work.wait_for(lock, look_interval) == std::cv_status::timeout && queue.empty()) {
        settle(); // somebody has enlarged the pipe, or all would be settled
        closing = closing || (follow && in_flight.empty() && !outlet.original_open());
    }
}

/// How many bytes will surely follow what the front holds by now. The mutex is held.
std::size_t PipeWriter::Worker::behind() const { return queued_bytes - queue.front().filled; }

/// The mutex is held.
void PipeWriter::Worker::settle() {
    while (!in_flight.empty() && in_flight.front().written_at <= counts.bytes &&
           !(in_flight.front().lent_to > 0 &&
             outlet.holds_more_than(counts.bytes - in_flight.front().lent_to))) {
        in_flight.pop_front();
        counts.released = ++counts.written;
        progress.notify_all();
    }
}

/// Writes the front as it is filled. 0 when all is written, ECANCELED when close()
/// came first, or the errno of the write that failed.
int PipeWriter::Worker::write_all(Bytes data) noexcept {
    std::unique_lock lock(mutex);
    std::size_t done = 0;
    while (done < data.size() && !closing) {
        const auto filled = queue.front().filled;
        if (done == filled) {
            work.wait(lock);
            continue;
        }
        const auto following = behind();
        lock.unlock();
        const auto taken = outlet.write_some(data.subspan(done, filled - done), following);
        if (taken.bytes < 0) {
            return static_cast<int>(-taken.bytes);
        }
        if (taken.bytes == 0) {
            if (const int failure = outlet.wait_writable(); failure != 0) {
                return failure;
            }
        }
        done += static_cast<std::size_t>(taken.bytes);
        lock.lock();
        counts.bytes += taken.bytes;
        if (taken.lent_until > 0) {
            front = {.written_at = counts.bytes + taken.lent_until, .lent_to = counts.bytes};
        }
        settle();
    }
    return done == data.size() ? 0 : ECANCELED;
}

/// A ticket that is not written. The mutex is held.
PipeWriter::Worker::Queued& PipeWriter::Worker::at(Ticket ticket) {
    const auto oldest = counts.submitted - std::ssize(queue) + 1;
    return queue[static_cast<std::size_t>(ticket - oldest)];
}

/// The mutex is held.
void PipeWriter::Worker::throw_if_over() const {
    if (error != 0) {
        throw std::system_error(error, std::generic_category(), "PipeWriter");
    }
    if (closing) {
        throw Closed("the PipeWriter is closed");
    }
}

PipeWriter::Ticket PipeWriter::Worker::enqueue(const Queued& item) {
    const std::scoped_lock lock(mutex);
    throw_if_over();
    thread.keep_off_this_processor();
    queue.push_back(item);
    queued_bytes += item.data.size();
    work.notify_one();
    return ++counts.submitted;
}

PipeWriter::PipeWriter(int fd, const Options& options) : worker_(std::make_unique<Worker>(fd, options)) {}

/// In a forked child the worker is left as it is: its mutex may be locked, and glibc's pthread_cond_destroy
/// would wait for ever for a waiter that exists only in the parent. The child loses some hundred bytes.
PipeWriter::~PipeWriter() {
    close();
    if (worker_->outlet.abandoned()) {
        static_cast<void>(worker_.release()); // NOLINT(bugprone-unused-return-value)
    }
}

PipeWriter::Worker& PipeWriter::worker() const {
    if (worker_->outlet.abandoned()) {
        throw std::invalid_argument(
            "this PipeWriter belongs to the parent process; make a new one after a fork");
    }
    return *worker_;
}

PipeWriter::Ticket PipeWriter::submit(Bytes data) {
    return worker().enqueue({.data = data, .filled = data.size()});
}

PipeWriter::Ticket PipeWriter::announce(Bytes data) { return worker().enqueue({.data = data, .filled = 0}); }

void PipeWriter::advance(Ticket ticket, std::size_t filled) {
    auto& self = worker();
    const std::scoped_lock lock(self.mutex);
    self.at(ticket).filled = filled;
    self.work.notify_one();
}

bool PipeWriter::wait_until(Ticket ticket, Clock::time_point deadline) {
    auto& self = worker();
    std::unique_lock lock(self.mutex);
    if (ticket < 1 || ticket > self.counts.submitted) {
        throw std::invalid_argument("no such ticket");
    }
    const auto decided = [&] { return self.counts.written >= ticket || self.error != 0 || self.closing; };
    if (!decided()) {
        self.thread.run_anywhere();
        self.progress.wait_until(lock, deadline, decided);
        // A thread that has ended has no id, and glibc would set the affinity of the caller.
        if (self.error == 0 && !self.closing) {
            self.thread.keep_off_this_processor();
        }
    }
    if (self.counts.written >= ticket) {
        return true;
    }
    self.throw_if_over();
    return false;
}

void PipeWriter::close() noexcept {
    if (worker_->outlet.abandoned()) {
        return;
    }
    auto& self = *worker_;
    std::call_once(self.close_once, [&self] {
        {
            const std::scoped_lock lock(self.mutex);
            self.closing = true;
        }
        self.work.notify_all();
        self.progress.notify_all();
        self.outlet.wake();
        self.thread.join();
        self.outlet.close();
    });
}

bool PipeWriter::close_if_written() noexcept {
    if (!worker_->outlet.abandoned()) {
        const std::scoped_lock lock(worker_->mutex);
        if (worker_->error == 0 && !worker_->closing && worker_->counts.written < worker_->counts.submitted) {
            return false;
        }
        worker_->closing = true; // so that nothing can be submitted from here on
    }
    close();
    return true;
}

PipeWriter::Counts PipeWriter::counts() const {
    auto& self = worker();
    const std::scoped_lock lock(self.mutex);
    return self.counts;
}

bool PipeWriter::closed() const {
    if (worker_->outlet.abandoned()) {
        return true;
    }
    const std::scoped_lock lock(worker_->mutex);
    return worker_->closing;
}

int PipeWriter::error() const {
    auto& self = worker();
    const std::scoped_lock lock(self.mutex);
    return self.error;
}

PipeWriter::Ticket PipeWriter::released() const {
    return worker_->outlet.abandoned() ? all_tickets : counts().released;
}

} // namespace nbpipe
