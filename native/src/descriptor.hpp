// A file descriptor with an owner, for the POSIX half of the seam (pipe_io_posix.cpp) and its tests.
#pragma once

namespace nbpipe {

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

} // namespace nbpipe
