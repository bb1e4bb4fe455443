// The platform seam of PipeWriter: everything that differs between operating systems is behind this header.
// pipe_io_posix.cpp is written for Linux and keeps to POSIX elsewhere; pipe_io_windows.cpp is for Windows.
//
// An Outlet is a private way to the place where a descriptor of the user leads. It is made of kernel objects of
// its own (a second way to the target, and something to be woken by), so that nothing the user later does with
// his number can reach it: closing it takes no frame away, and a file that is given the same number next gets
// not one foreign byte.
//
// How a write is kept from blocking depends on what stands at the other end:
//
//   pipe, FIFO,  opened once more through /proc/self/fd, non-blocking. O_NONBLOCK belongs to the open file
//   terminal     description; a dup() would share it, and to set it there would surprise the user.
//   socket       a dup; send(MSG_DONTWAIT) is non-blocking for that one call (on Linux).
//   file, disk   a dup; a write ends by itself.
//   the rest     (no /proc, not Linux, a device) a dup; after poll() has promised room, at most PIPE_BUF
//                bytes, which a pipe that is ready takes without blocking; a terminal takes one, and may block
//                amid more.
//   on Windows   a second handle; nothing there keeps a write from blocking, but wake() can cancel it.
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
// Where the system refuses to lend, memory that a driver has mapped, say, or in a sandbox, everything is copied;
// so it is on all systems but Linux.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace nbpipe {

/// One thread writes and waits; wake() may come from any; close() only when neither can happen any more.
class Outlet {
  public:
    enum class Lending { no, where_possible };

    /// Throws std::system_error; then nothing is left open.
    explicit Outlet(int fd, Lending lending = Lending::no);
    Outlet(const Outlet&) = delete;
    Outlet& operator=(const Outlet&) = delete;
    ~Outlet();

    struct Taken {
        std::ptrdiff_t bytes;    // 0 for "full", or -errno
        std::int64_t lent_until; // 0, or so many more bytes must be taken until these memory pages are free
    };

    /// Puts what fits now of a frame's `rest` into the pipe, at most 1 MiB, and blocks only where wake() can end
    /// it. `behind`: how many bytes will surely follow the frame, unless everything is given up.
    [[nodiscard]] Taken write_some(std::span<const std::byte> rest, std::size_t behind = 0) noexcept;

    /// Blocks until there is room, the reader is gone or wake() was called: 0, or an errno.
    [[nodiscard]] int wait_writable() const noexcept;

    /// Whether the pipe may still hold bytes from before the last `behind` that it has accepted. That its capacity
    /// was accepted says no, unless somebody has enlarged it meanwhile; then what it holds is counted. Of what
    /// nobody will read any more, it holds nothing.
    [[nodiscard]] bool holds_more_than(std::int64_t behind) const noexcept;

    /// Whether the user's descriptor, by its number, still leads to the same place.
    [[nodiscard]] bool original_open() const noexcept;

    /// Gives the reader his end of file; wake() may still come.
    void hang_up() noexcept;

    /// Ends this wait_writable() and all later ones, and a write_some() that blocks. The caller has set
    /// something by then that keeps the writing thread from coming back: it might find no room any more.
    void wake() noexcept;

    void close() noexcept;

    /// True in a forked child for each Outlet of its parent; there it is closed.
    [[nodiscard]] bool abandoned() const noexcept;

    struct System; // what the platform keeps

  private:
    std::unique_ptr<System> system_;
};

} // namespace nbpipe
