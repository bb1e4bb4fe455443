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
// Lending. Where the reader is known to copy what it reads, as FFmpeg does, a pipe need not hold a copy: with
// vmsplice it refers to the caller's own pages. The price is a promise, for what the caller writes into them
// changes what the reader will see, and no event tells when he has read them. But a pipe has room for so many
// pages and no more, and is first in, first out: when it has accepted a full capacity of bytes behind the lent
// ones, those have been read. Nobody polls; one only has to make sure that so many bytes will follow. Those of
// the next frames do, if they are queued already; where they are not, the end of the frame itself is copied.
//
//    alone      ├───────────── lent ─────────────┼── the last pipeful: copied ──┤
//    followed   ├─────────────────── all of it lent ────────────────────────────┼── next frame …
//
// (A reader that passes pages on unread, with splice or tee, breaks this; that is why lending must be asked for.)
// Where the system refuses to lend, memory that a driver has mapped, say, or in a sandbox, everything is copied.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
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
    enum class Lending { no, where_possible };

    /// Throws std::system_error; then no descriptor is left open.
    explicit Outlet(int fd, Lending lending = Lending::no);
    Outlet(const Outlet&) = delete;
    Outlet& operator=(const Outlet&) = delete;
    ~Outlet();

    struct Taken {
        std::ptrdiff_t bytes;    // 0 for "full", or -errno
        std::int64_t lent_until; // 0, or so many more bytes must be taken until these memory pages are free
    };

    /// Puts what fits now of a frame's `rest` into the pipe, at most 1 MiB, without blocking. `behind`: how many
    /// bytes will surely follow the frame, unless everything is given up.
    [[nodiscard]] Taken write_some(std::span<const std::byte> rest, std::size_t behind = 0) noexcept;

    /// Blocks until there is room, the reader is gone or wake() was called: 0, or an errno.
    [[nodiscard]] int wait_writable() const noexcept;

    /// Whether the pipe may still hold bytes from before the last `behind` that it has accepted. That its capacity
    /// was accepted says no, unless somebody has enlarged it meanwhile; then what it holds is counted.
    [[nodiscard]] bool holds_more_than(std::int64_t behind) const noexcept;

    /// Whether the user's descriptor, by its number, still leads to the same place.
    [[nodiscard]] bool original_open() const noexcept;

    /// Gives the reader his end of file; wake() may still come.
    void hang_up() noexcept;

    /// Ends this wait_writable() and all later ones.
    void wake() const noexcept;

    void close() noexcept;

    /// True in a forked child for each Outlet of its parent; there it has no descriptors.
    [[nodiscard]] bool abandoned() const noexcept { return abandoned_; }

  private:
    enum class Kind { plain, socket, cautious }; // which call keeps a write from blocking

    void open(int fd);
    [[nodiscard]] std::optional<Taken> lend_some(std::span<const std::byte> rest,
                                                 std::size_t behind) noexcept;
    [[nodiscard]] std::ptrdiff_t copy_some(std::span<const std::byte> rest) const noexcept;
    void close_all() noexcept;
    static void before_fork() noexcept;
    static void after_fork_in_parent() noexcept;
    static void after_fork_in_child() noexcept;

    Descriptor target_;
    Descriptor wake_reader_;
    Descriptor wake_writer_; // unused where one eventfd is both ends
    Kind kind_ = Kind::cautious;
    bool lending_;
    int original_;
    std::array<std::uint64_t, 2> place_{}; // device and inode of the target
    bool abandoned_ = false;
    Outlet* older_ = nullptr; // the list of live outlets, under its lock
};

} // namespace nbpipe
