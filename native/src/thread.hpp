// The writer's thread, as far as the operating system is concerned with it: no signal is delivered to it, and it stays
// out of the way of the thread that feeds it.
//
// The writer works for some microseconds each time the reader has emptied the pipe, and until it has, the reader waits. Who
// feeds it is busy all the while, with the copy of the next frame or with drawing it. Where the two share a processor, the
// reader idles for as long as it takes to interrupt the other, 25 times a 4K frame; and once the scheduler has put them
// together, it leaves them there. On two processors one run of 4K frames in three was like that, and a third slower. So a
// submission tells the writer to run elsewhere.
#pragma once

#include <functional>
#include <thread>

namespace nbpipe {

/// Used by one thread at a time.
class Thread {
  public:
    Thread() noexcept = default;

    /// No signal is delivered to it, where there are signals.
    explicit Thread(const std::function<void()>& body);

    /// Lets it run on each processor that the caller may run on, but for the one it is running on. Where that is the only
    /// one, or the system cannot tell, everything stays as it was. To stay where one is costs nothing.
    void keep_off_this_processor() noexcept;

    void join() { thread_.join(); }

  private:
    std::thread thread_;
    [[maybe_unused]] int kept_off_ = -1; // on Linux
};

} // namespace nbpipe
