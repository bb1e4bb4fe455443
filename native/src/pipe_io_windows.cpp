// The seam on Windows. A descriptor is the C library's number for a HANDLE. An Outlet has a handle of its own to
// the same pipe, which no child inherits, and writes past the C library: its text mode would add a CR to each LF.
//
// A pipe of Windows has no way to ask for room, and what keeps a write from blocking (PIPE_NOWAIT, overlapped
// I/O) belongs to the pipe or must have been chosen when it was made. So here write_some() blocks, in pieces,
// and wake() cancels it:
//
//    write_some()    writing = true ──► woken?  ── no ──► WriteFile ──► writing = false
//    wake()          woken = true ────► writing? ─ yes ─► CancelSynchronousIo, 1 ms, and look again
//
// Both flags are sequentially consistent: if each side first sets its own and then looks at the other's, one of
// them sees it, so no write begins unseen. The loop is there because only a thread that is already inside
// WriteFile can be cancelled, and nothing tells when it is.
//
// What a cancelled piece has put into the pipe is not known and counts as nothing. Only close() wakes, and it
// drops the frame anyway. There are no signals and there is no fork, and nothing is lent.
#include "pipe_io.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <io.h>
#include <windows.h>

namespace nbpipe {
namespace {

// Small, because the count of bytes stands still during a piece, and a piece that is cancelled is not in it.
constexpr std::size_t most_per_call = std::size_t{1} << 16;

struct Closing {
    void operator()(HANDLE handle) const noexcept { ::CloseHandle(handle); }
};
using Handle = std::unique_ptr<void, Closing>;

/// A number that is not open is a question here, and no reason to end the process, as the C library thinks.
class BadNumbersAllowed {
#ifdef _MSC_VER
  public:
    BadNumbersAllowed() noexcept : before_(::_set_thread_local_invalid_parameter_handler(ignore)) {}
    BadNumbersAllowed(const BadNumbersAllowed&) = delete;
    BadNumbersAllowed& operator=(const BadNumbersAllowed&) = delete;
    ~BadNumbersAllowed() { ::_set_thread_local_invalid_parameter_handler(before_); }

  private:
    static void ignore(const wchar_t* /*expression*/, const wchar_t* /*function*/, const wchar_t* /*file*/,
                       unsigned /*line*/, std::uintptr_t /*reserved*/) {}
    _invalid_parameter_handler before_;
#endif
};

/// The handle behind a number, still the user's, or null. (-1 is "not open" and -2 "no console", but as handles
/// they would mean this process and this thread.)
HANDLE handle_of(int fd) noexcept {
    [[maybe_unused]] const BadNumbersAllowed while_asking;
    const std::intptr_t handle = ::_get_osfhandle(fd);
    // NOLINTNEXTLINE(*-reinterpret-cast, *-int-to-ptr): it is a pointer, and only the C library calls it a number
    return handle == -1 || handle == -2 ? nullptr : reinterpret_cast<HANDLE>(handle);
}

Handle duplicate(HANDLE handle) noexcept {
    HANDLE copy = nullptr;
    const HANDLE here = ::GetCurrentProcess();
    ::DuplicateHandle(here, handle, here, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS);
    return Handle(copy);
}

int errno_of(DWORD error) noexcept {
    switch (error) {
    case ERROR_BROKEN_PIPE:
    case ERROR_NO_DATA: // "the pipe is being closed"
    case ERROR_PIPE_NOT_CONNECTED:
        return EPIPE;
    case ERROR_ACCESS_DENIED: // not open for writing
    case ERROR_INVALID_HANDLE:
        return EBADF;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
        return ENOSPC;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_NO_SYSTEM_RESOURCES:
        return ENOMEM;
    default:
        return EIO;
    }
}

} // namespace

struct Outlet::System {
    int original;
    Handle target;
    Handle thread; // the one that writes, from its first write on
    std::atomic<bool> writing = false;
    std::atomic<bool> woken = false;
};

Outlet::Outlet(int fd, Lending /*lending*/) : system_(std::make_unique<System>(fd)) {
    const HANDLE users = handle_of(fd);
    system_->target = duplicate(users);
    if (users == nullptr || !system_->target) {
        throw std::system_error(users == nullptr ? EBADF : errno_of(::GetLastError()),
                                std::generic_category(), "cannot duplicate the descriptor");
    }
}

Outlet::~Outlet() = default;

Outlet::Taken Outlet::write_some(std::span<const std::byte> rest, std::size_t /*behind*/) noexcept {
    auto& self = *system_;
    if (!self.thread) {
        self.thread = duplicate(::GetCurrentThread());
        if (!self.thread) {
            return {.bytes = -errno_of(::GetLastError()), .lent_until = 0};
        }
    }
    const auto size = static_cast<DWORD>(std::min(rest.size(), most_per_call));
    DWORD taken = 0;
    DWORD error = ERROR_SUCCESS;
    self.writing = true;
    if (!self.woken && ::WriteFile(self.target.get(), rest.data(), size, &taken, nullptr) == 0) {
        error = ::GetLastError();
    }
    self.writing = false;
    if (error != ERROR_SUCCESS && error != ERROR_OPERATION_ABORTED) {
        return {.bytes = -errno_of(error), .lent_until = 0};
    }
    return {.bytes = static_cast<std::ptrdiff_t>(taken), .lent_until = 0};
}

// Nothing was taken: we are woken, or the user has set his pipe to PIPE_NOWAIT, and there is no event for room.
int Outlet::wait_writable() const noexcept {
    if (!system_->woken) {
        ::Sleep(1);
    }
    return 0;
}

bool Outlet::holds_more_than(std::int64_t /*behind*/) const noexcept { return false; } // nothing is lent

bool Outlet::original_open() const noexcept {
    const HANDLE users = handle_of(system_->original);
    return users != nullptr && ::CompareObjectHandles(users, system_->target.get()) != 0;
}

void Outlet::hang_up() noexcept { system_->target.reset(); }

void Outlet::wake() noexcept {
    system_->woken = true;
    while (system_->writing) {
        ::CancelSynchronousIo(system_->thread.get());
        ::Sleep(1);
    }
}

void Outlet::close() noexcept {
    system_->target.reset();
    system_->thread.reset();
}

bool Outlet::abandoned() const noexcept { return false; }

} // namespace nbpipe
