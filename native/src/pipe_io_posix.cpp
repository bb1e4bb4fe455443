#include "pipe_io.hpp"

#include "descriptor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <mutex>
#include <optional>
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
#include <sys/sysmacros.h>
#include <sys/uio.h>
#endif

namespace nbpipe {

struct Outlet::System {
    enum class Kind { plain, socket, cautious }; // which call keeps a write from blocking

    System(int fd, Lending wanted);
    System(const System&) = delete;
    System& operator=(const System&) = delete;
    ~System();

    void open(int fd);
    [[nodiscard]] std::optional<Taken> lend_some(std::span<const std::byte> rest,
                                                 std::size_t behind) noexcept;
    [[nodiscard]] std::ptrdiff_t copy_some(std::span<const std::byte> rest) const noexcept;
    void close_all() noexcept;

    Descriptor target;
    Descriptor wake_reader;
    Descriptor wake_writer; // unused where one eventfd is both ends
    Kind kind = Kind::cautious;
    std::size_t most_in_caution = PIPE_BUF;
    bool lending;
    int original;
    dev_t device = 0; // this and the next: the identity of the target
    ino_t inode = 0;
    bool abandoned = false;
    System* older = nullptr; // the list of live outlets, under its lock
};

namespace {

// One call never takes more than a full pipe. It bounds the time to the next look at "closed" where a write
// does not end early by itself (a file: below 1 ms), and stays far below Linux's limit of 2 GiB a call.
constexpr std::size_t most_per_call = std::size_t{1} << 20;

// Live outlets, newest first. Both are constant-initialised and never destroyed: a fork may come at any time,
// even from an exit handler.
constinit std::mutex live_lock;
constinit Outlet::System* newest = nullptr;

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

#ifdef __linux__
/// None, if there was none or no number is left.
Descriptor above_stdio(Descriptor fd) noexcept {
    if (fd.get() < 0 || fd.get() >= first_own_number) {
        return fd;
    }
    return Descriptor{::fcntl(fd.get(), F_DUPFD_CLOEXEC, first_own_number)};
}

Descriptor reopen_nonblocking(const Descriptor& pipe) {
    const auto path = "/proc/self/fd/" + std::to_string(pipe.get());
    return above_stdio(Descriptor{::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)});
}

// The most an unprivileged process may ask for (/proc/sys/fs/pipe-max-size). A default pipe of 64 KiB costs
// a context switch per 64 KiB; measured with 1080p frames into FFmpeg, 1 MiB more than doubles the rate.
constexpr int pipe_size = 1 << 20;

// Refused to users with many pipes (EPERM), and where it is refused the pipe works as it is.
void enlarge(const Descriptor& pipe) noexcept {
    if (::fcntl(pipe.get(), F_GETPIPE_SZ) < pipe_size) {
        ::fcntl(pipe.get(), F_SETPIPE_SZ, pipe_size);
    }
}

/// Not the master of a pseudo-terminal: to open that again would make another one.
bool is_terminal(const Descriptor& target, const struct stat& status) noexcept {
    return S_ISCHR(status.st_mode) && status.st_rdev != ::makedev(5, 2) && ::isatty(target.get()) != 0;
}

constexpr auto socket_kind = Outlet::System::Kind::socket;

ssize_t send_now(int fd, const std::byte* data, std::size_t size) noexcept {
    return ::send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}
#else
Descriptor reopen_nonblocking(const Descriptor& /*pipe*/) { return {}; }
bool is_terminal(const Descriptor& /*target*/, const struct stat& /*status*/) noexcept { return false; }
void enlarge(const Descriptor& /*pipe*/) noexcept {}

// Whether send() heeds MSG_DONTWAIT differs; a socket that poll() calls ready takes PIPE_BUF bytes everywhere.
constexpr auto socket_kind = Outlet::System::Kind::cautious;

ssize_t send_now(int fd, const std::byte* data, std::size_t size) noexcept { return ::write(fd, data, size); }
#endif

// Linux sends SIGPIPE to the thread that writes, where it is blocked, but macOS to the process, where it may be
// fatal. There is a switch for it, of the open file description: the user shares it, and gets EPIPE alone, too.
void silence([[maybe_unused]] const Descriptor& target) noexcept {
#ifdef F_SETNOSIGPIPE
    ::fcntl(target.get(), F_SETNOSIGPIPE, 1);
#endif
}

void before_fork() noexcept { live_lock.lock(); }

void after_fork_in_parent() noexcept { live_lock.unlock(); }

void after_fork_in_child() noexcept {
    for (auto* system = std::exchange(newest, nullptr); system != nullptr; system = system->older) {
        system->close_all();
        system->abandoned = true;
    }
    live_lock.unlock();
}

bool has_room(int fd) noexcept {
    pollfd target{.fd = fd, .events = POLLOUT, .revents = 0};
    return ::poll(&target, 1, 0) > 0; // also when the reader is gone: the write then says so
}

} // namespace

Outlet::System::System(int fd, Lending wanted) : lending(wanted == Lending::where_possible), original(fd) {
    static const int registered = ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    if (registered != 0) {
        throw std::system_error(registered, std::generic_category(), "pthread_atfork");
    }
    const std::scoped_lock no_fork_between(live_lock);
    try {
        open(fd);
    } catch (...) {
        close_all(); // while no fork can copy what is open
        throw;
    }
    older = std::exchange(newest, this);
}

// The wake-up comes first and the optional reopening last, so that a process at its limit of descriptors
// degrades to the cautious kind before it fails. Only our own copy is examined and reopened: the user's
// number may be given away by another thread between two calls.
void Outlet::System::open(int fd) {
#ifdef __linux__
    wake_reader = above_stdio(Descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)});
    if (wake_reader.get() < 0) {
        fail("eventfd");
    }
#else
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) {
        fail("pipe");
    }
    const Descriptor reader{ends[0]};
    const Descriptor writer{ends[1]};
    wake_reader = duplicate(reader.get());
    wake_writer = duplicate(writer.get());
#endif
    target = duplicate(fd);
    if ((::fcntl(target.get(), F_GETFL) & O_ACCMODE) == O_RDONLY) {
        errno = EBADF; // what write() would say; reopened through /proc, a pipe's read end could be written
        fail("the descriptor is not open for writing");
    }
    struct stat status{};
    if (::fstat(target.get(), &status) != 0) {
        fail("fstat");
    }
    device = status.st_dev;
    inode = status.st_ino;
    lending = lending && S_ISFIFO(status.st_mode);
    silence(target);
    if (S_ISSOCK(status.st_mode)) {
        kind = socket_kind;
    } else if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) {
        kind = Kind::plain;
    } else if (S_ISFIFO(status.st_mode) || is_terminal(target, status)) {
        if (S_ISFIFO(status.st_mode)) {
            enlarge(target);
        }
        if (auto own = reopen_nonblocking(target); own.get() >= 0) {
            target = std::move(own);
            kind = Kind::plain;
        }
    }
    if (::isatty(target.get()) != 0) {
        most_in_caution = 1;
    }
}

Outlet::System::~System() {
    const std::scoped_lock lock(live_lock);
    System** link = &newest;
    while (*link != this) {
        link = &(*link)->older;
    }
    *link = older;
    close_all();
}

std::ptrdiff_t Outlet::System::copy_some(std::span<const std::byte> rest) const noexcept {
    if (kind == Kind::cautious && !has_room(target.get())) {
        return 0;
    }
    const auto size = std::min(rest.size(), kind == Kind::cautious ? most_in_caution : most_per_call);
    for (;;) {
        const auto taken = kind == Kind::socket ? send_now(target.get(), rest.data(), size)
                                                : ::write(target.get(), rest.data(), size);
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
std::optional<Outlet::Taken> Outlet::System::lend_some(std::span<const std::byte> rest,
                                                       std::size_t behind) noexcept {
    // Asked each time, because whoever holds the other end may change it.
    const int capacity = ::fcntl(target.get(), F_GETPIPE_SZ);
    const auto copied = static_cast<std::size_t>(std::max(capacity, 0)) -
                        std::min(behind, static_cast<std::size_t>(std::max(capacity, 0)));
    if (kind != Kind::plain || capacity <= 0 || rest.size() <= copied) {
        return std::nullopt;
    }
    for (;;) {
        // The kernel only reads from it, but its struct serves both directions.
        const iovec lent{.iov_base = const_cast<std::byte*>(rest.data()), // NOLINT(*-const-cast)
                         .iov_len = std::min(rest.size() - copied, most_per_call)};
        if (const auto taken = ::vmsplice(target.get(), &lent, 1, SPLICE_F_NONBLOCK); taken >= 0) {
            return Taken{.bytes = taken, .lent_until = capacity};
        }
        if (errno == EAGAIN) {
            return Taken{.bytes = 0, .lent_until = 0};
        }
        if (errno == EPIPE) {
            return Taken{.bytes = -EPIPE, .lent_until = 0};
        }
        if (errno != EINTR) {
            lending = false;
            return std::nullopt;
        }
    }
}

bool Outlet::holds_more_than(std::int64_t behind) const noexcept {
    int unread = 0;
    const int pipe = system_->target.get();
    pollfd reader{.fd = pipe, .events = 0, .revents = 0};
    if (::poll(&reader, 1, 0) > 0) {
        return false;
    }
    return ::fcntl(pipe, F_GETPIPE_SZ) > behind && ::ioctl(pipe, FIONREAD, &unread) == 0 && unread > behind;
}
#else
bool Outlet::holds_more_than(std::int64_t /*behind*/) const noexcept { return false; }

std::optional<Outlet::Taken> Outlet::System::lend_some(std::span<const std::byte> /*rest*/,
                                                       std::size_t /*behind*/) noexcept {
    return std::nullopt;
}
#endif

void Outlet::System::close_all() noexcept {
    target.reset();
    wake_reader.reset();
    wake_writer.reset();
}

Outlet::Outlet(int fd, Lending lending) : system_(std::make_unique<System>(fd, lending)) {}

Outlet::~Outlet() = default;

Outlet::Taken Outlet::write_some(std::span<const std::byte> rest, std::size_t behind) noexcept {
    if (system_->lending) {
        if (const auto lent = system_->lend_some(rest, behind)) {
            return *lent;
        }
    }
    return {.bytes = system_->copy_some(rest), .lent_until = 0};
}

bool Outlet::original_open() const noexcept {
    struct stat status{};
#ifdef __linux__ // the same as fstat, which ThreadSanitizer would call a race with whoever closes the number
    const int result = ::fstatat(system_->original, "", &status, AT_EMPTY_PATH);
#else
    const int result = ::fstat(system_->original, &status);
#endif
    return result == 0 && status.st_dev == system_->device && status.st_ino == system_->inode;
}

void Outlet::hang_up() noexcept {
    const std::scoped_lock no_fork_between(live_lock);
    system_->target.reset();
}

int Outlet::wait_writable() const noexcept {
    std::array<pollfd, 2> either{{
        {.fd = system_->target.get(), .events = POLLOUT, .revents = 0},
        {.fd = system_->wake_reader.get(), .events = POLLIN, .revents = 0},
    }};
    while (::poll(either.data(), either.size(), -1) < 0) {
        if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

// Never read again, so the descriptor stays ready. Neither kind can be full after a single write.
void Outlet::wake() noexcept {
    const std::uint64_t one = 1;
    const auto& writer = system_->wake_writer.get() >= 0 ? system_->wake_writer : system_->wake_reader;
    while (::write(writer.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
}

void Outlet::close() noexcept {
    const std::scoped_lock no_fork_between(live_lock);
    system_->close_all();
}

bool Outlet::abandoned() const noexcept { return system_->abandoned; }

} // namespace nbpipe
