#include "pipe_io.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#endif

namespace nbpipe {
namespace {

// The most an unprivileged process may ask for (/proc/sys/fs/pipe-max-size). A default pipe of 64 KiB costs
// a context switch per 64 KiB; measured with 1080p frames into FFmpeg, 1 MiB more than doubles the rate.
constexpr int pipe_size = 1 << 20;

// One call never takes more than a full pipe. It bounds the time to the next look at "closed" where a write
// does not end early by itself (a file: below 1 ms), and stays far below Linux's limit of 2 GiB a call.
constexpr std::size_t most_per_call = std::size_t{1} << 20;

// Live outlets, newest first. Both are constant-initialised and never destroyed: a fork may come at any time,
// even from an exit handler.
constinit std::mutex live_lock;
constinit Outlet* newest = nullptr;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

// Numbers 0 to 2 are free when the user has closed them; whoever then prints would write into the video.
constexpr int first_own_number = 3;

Descriptor duplicate(int fd) {
    Descriptor copy{::fcntl(fd, F_DUPFD_CLOEXEC, first_own_number)};
    if (copy.get() < 0) {
        fail("cannot duplicate the descriptor");
    }
    return copy;
}

Descriptor above_stdio(Descriptor fd) {
    return fd.get() >= 0 && fd.get() < first_own_number ? duplicate(fd.get()) : std::move(fd);
}

#ifdef __linux__
Descriptor reopen_nonblocking(const Descriptor& pipe) {
    const auto path = "/proc/self/fd/" + std::to_string(pipe.get());
    return above_stdio(Descriptor{::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)});
}

// Refused to users with many pipes (EPERM), and where it is refused the pipe works as it is.
void enlarge(const Descriptor& pipe) noexcept {
    if (::fcntl(pipe.get(), F_GETPIPE_SZ) < pipe_size) {
        ::fcntl(pipe.get(), F_SETPIPE_SZ, pipe_size);
    }
}
#else
Descriptor reopen_nonblocking(const Descriptor& /*pipe*/) { return {}; }
void enlarge(const Descriptor& /*pipe*/) noexcept {}
#endif

bool has_room(int fd) noexcept {
    pollfd target{.fd = fd, .events = POLLOUT, .revents = 0};
    return ::poll(&target, 1, 0) > 0; // also when the reader is gone: the write then says so
}

} // namespace

Descriptor::Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

void Descriptor::reset() noexcept {
    if (fd_ >= 0) {
        ::close(std::exchange(fd_, -1));
    }
}

Outlet::Outlet(int fd, Lending lending) : lending_(lending == Lending::where_possible), original_(fd) {
    static const int registered = ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    if (registered != 0) {
        throw std::system_error(registered, std::generic_category(), "pthread_atfork");
    }
    const std::scoped_lock no_fork_between(live_lock);
    open(fd);
    older_ = std::exchange(newest, this);
}

// The wake-up comes first and the optional reopening last, so that a process at its limit of descriptors
// degrades to the cautious kind before it fails. Only our own copy is examined and reopened: the user's
// number may be given away by another thread between two calls.
void Outlet::open(int fd) {
#ifdef __linux__
    wake_reader_ = above_stdio(Descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)});
    if (wake_reader_.get() < 0) {
        fail("eventfd");
    }
#else
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) {
        fail("pipe");
    }
    const Descriptor reader{ends[0]};
    const Descriptor writer{ends[1]};
    wake_reader_ = duplicate(reader.get());
    wake_writer_ = duplicate(writer.get());
#endif
    target_ = duplicate(fd);
    if ((::fcntl(target_.get(), F_GETFL) & O_ACCMODE) == O_RDONLY) {
        errno = EBADF; // what write() would say; reopened through /proc, a pipe's read end could be written
        fail("the descriptor is not open for writing");
    }
    struct stat status{};
    if (::fstat(target_.get(), &status) != 0) {
        fail("fstat");
    }
    place_ = {status.st_dev, status.st_ino};
    lending_ = lending_ && S_ISFIFO(status.st_mode);
    if (S_ISSOCK(status.st_mode)) {
        kind_ = Kind::socket;
    } else if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) {
        kind_ = Kind::plain;
    } else if (S_ISFIFO(status.st_mode)) {
        enlarge(target_);
        if (auto own = reopen_nonblocking(target_); own.get() >= 0) {
            target_ = std::move(own);
            kind_ = Kind::plain;
        }
    }
}

Outlet::~Outlet() {
    const std::scoped_lock lock(live_lock);
    Outlet** link = &newest;
    while (*link != this) {
        link = &(*link)->older_;
    }
    *link = older_;
    close_all();
}

Outlet::Taken Outlet::write_some(std::span<const std::byte> rest, std::size_t behind) noexcept {
    if (lending_) {
        if (const auto lent = lend_some(rest, behind)) {
            return *lent;
        }
    }
    return {.bytes = copy_some(rest), .lent_until = 0};
}

std::ptrdiff_t Outlet::copy_some(std::span<const std::byte> rest) const noexcept {
    if (kind_ == Kind::cautious && !has_room(target_.get())) {
        return 0;
    }
    const auto size = std::min(rest.size(), kind_ == Kind::cautious ? std::size_t{PIPE_BUF} : most_per_call);
    for (;;) {
        const auto taken = kind_ == Kind::socket
                               ? ::send(target_.get(), rest.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL)
                               : ::write(target_.get(), rest.data(), size);
        if (taken >= 0) {
            return taken;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return 0;
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
}

#ifdef __linux__
std::optional<Outlet::Taken> Outlet::lend_some(std::span<const std::byte> rest, std::size_t behind) noexcept {
    // Asked each time, because whoever holds the other end may change it.
    const int capacity = ::fcntl(target_.get(), F_GETPIPE_SZ);
    const auto copied = static_cast<std::size_t>(std::max(capacity, 0)) -
                        std::min(behind, static_cast<std::size_t>(std::max(capacity, 0)));
    if (kind_ != Kind::plain || capacity <= 0 || rest.size() <= copied) {
        return std::nullopt;
    }
    for (;;) {
        // The kernel only reads from it, but its struct serves both directions.
        const iovec lent{.iov_base = const_cast<std::byte*>(rest.data()), // NOLINT(*-const-cast)
                         .iov_len = std::min(rest.size() - copied, most_per_call)};
        if (const auto taken = ::vmsplice(target_.get(), &lent, 1, SPLICE_F_NONBLOCK); taken >= 0) {
            return Taken{.bytes = taken, .lent_until = capacity};
        }
        if (errno == EAGAIN) {
            return Taken{.bytes = 0, .lent_until = 0};
        }
        if (errno == EPIPE) {
            return Taken{.bytes = -EPIPE, .lent_until = 0};
        }
        if (errno != EINTR) {
            lending_ = false;
            return std::nullopt;
        }
    }
}

bool Outlet::holds_more_than(std::int64_t behind) const noexcept {
    int unread = 0;
    return ::fcntl(target_.get(), F_GETPIPE_SZ) > behind && ::ioctl(target_.get(), FIONREAD, &unread) == 0 &&
           unread > behind;
}
#else
bool Outlet::holds_more_than(std::int64_t /*behind*/) const noexcept { return false; }

std::optional<Outlet::Taken> Outlet::lend_some(std::span<const std::byte> /*rest*/,
                                               std::size_t /*behind*/) noexcept {
    return std::nullopt;
}
#endif

bool Outlet::original_open() const noexcept {
    struct stat status{};
#ifdef __linux__ // the same as fstat, which ThreadSanitizer would call a race with whoever closes the number
    const int result = ::fstatat(original_, "", &status, AT_EMPTY_PATH);
#else
    const int result = ::fstat(original_, &status);
#endif
    return result == 0 && place_ == decltype(place_){status.st_dev, status.st_ino};
}

void Outlet::hang_up() noexcept {
    const std::scoped_lock no_fork_between(live_lock);
    target_.reset();
}

int Outlet::wait_writable() const noexcept {
    std::array<pollfd, 2> either{{
        {.fd = target_.get(), .events = POLLOUT, .revents = 0},
        {.fd = wake_reader_.get(), .events = POLLIN, .revents = 0},
    }};
    while (::poll(either.data(), either.size(), -1) < 0) {
        if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

// Never read again, so the descriptor stays ready. Neither kind can be full after a single write.
void Outlet::wake() const noexcept {
    const std::uint64_t one = 1;
    const int fd = wake_writer_.get() >= 0 ? wake_writer_.get() : wake_reader_.get();
    while (::write(fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

void Outlet::close() noexcept {
    const std::scoped_lock no_fork_between(live_lock);
    close_all();
}

void Outlet::close_all() noexcept {
    target_.reset();
    wake_reader_.reset();
    wake_writer_.reset();
}

void Outlet::before_fork() noexcept { live_lock.lock(); }

void Outlet::after_fork_in_parent() noexcept { live_lock.unlock(); }

void Outlet::after_fork_in_child() noexcept {
    for (Outlet* outlet = std::exchange(newest, nullptr); outlet != nullptr; outlet = outlet->older_) {
        outlet->close_all();
        outlet->abandoned_ = true;
    }
    live_lock.unlock();
}

} // namespace nbpipe
