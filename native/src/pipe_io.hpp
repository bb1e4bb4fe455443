// The platform seam of PipeWriter: everything that differs between operating systems is behind this class.
//
// An Outlet is a private way to the place where a descriptor of the user leads. It is made of two kernel
// descriptors of its own (the target, and one to be woken by), so that nothing the user later does with his
// number can reach it: closing it takes no frame away, and a file that is given the same number next gets
// not one foreign byte.
//
// How a write is kept from blocking depends on what stands at the other end:
//
//   pipe, FIFO   opened once more through /proc/self/fd, non-blocking. O_NONBLOCK belongs to the open file
//                description; a dup() would share it, and to set it there would surprise the user.
//   socket       a dup; send(MSG_DONTWAIT) is non-blocking for that one call.
//   file, disk   a dup; a write ends by itself.
//   the rest     (no /proc, not Linux, a device) a dup; after poll() has promised room, at most PIPE_BUF
//                bytes, which a pipe that is ready takes without blocking. Only a terminal may still block.
//
// fork(): a child that keeps the pipe open would leave the reader waiting for ever for its end, long after
// the parent has closed it. So every Outlet is in a list, and a pthread_atfork handler closes them all in
// the child, where they stay `abandoned`. The lock of that list is held wherever descriptors are opened or
// closed, and during a fork, so that none is caught half-way.
//
// To come: vmsplice belongs into write_some(); it then also has to tell which bytes the reader has consumed.
#pragma once

#include <cstddef>
#include <span>

namespace nbpipe {

/// A file descriptor with an owner.
class Descriptor {
  public:
    Descriptor() noexcept = default;
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept;
    Descriptor& operator=(Descriptor&& other) noexcept;
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { reset(); }

    void reset() noexcept; // async-signal-safe
    [[nodiscard]] int get() const noexcept { return fd_; }

  private:
    int fd_ = -1;
};

/// One thread writes and waits; wake() may come from any; close() only when neither can happen any more.
class Outlet {
  public:
    /// Throws std::system_error; then no descriptor is left open.
    explicit Outlet(int fd);
    Outlet(const Outlet&) = delete;
    Outlet& operator=(const Outlet&) = delete;
    ~Outlet();

    /// Writes what fits now, at most 1 MiB, without blocking: the bytes taken, 0 for "full", or -errno.
    [[nodiscard]] std::ptrdiff_t write_some(std::span<const std::byte> data) const noexcept;

    /// Blocks until there is room, the reader is gone or wake() was called: 0, or an errno.
    [[nodiscard]] int wait_writable() const noexcept;

    /// Ends this wait_writable() and all later ones.
    void wake() const noexcept;

    void close() noexcept;

    /// True in a forked child for each Outlet of its parent; there it has no descriptors.
    [[nodiscard]] bool abandoned() const noexcept { return abandoned_; }

  private:
    enum class Kind { plain, socket, cautious }; // which call keeps a write from blocking

    void open(int fd);
    void close_all() noexcept;
    static void before_fork() noexcept;
    static void after_fork_in_parent() noexcept;
    static void after_fork_in_child() noexcept;

    Descriptor target_;
    Descriptor wake_reader_;
    Descriptor wake_writer_; // unused where one eventfd is both ends
    Kind kind_ = Kind::cautious;
    bool abandoned_ = false;
    Outlet* older_ = nullptr; // the list of live outlets, under its lock
};

} // namespace nbpipe
