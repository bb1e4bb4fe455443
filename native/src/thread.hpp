// The writer's thread, as far as the operating system is concerned with it: no signal is delivered to it, and it stays
// out of the way of the thread that feeds it.
//
// The writer works for some microseconds each time the reader has emptied the pipe, and until it has, the reader waits. Who
// feeds it is busy all the while, with the copy of the next frame or with drawing it. Where the two share a processor, the
// reader idles for as long as it takes to interrupt the other, 25 times a 4K frame; and once the scheduler has put them
// together, it leaves them there. On two processors one run of 4K frames in three was like that, and a third slower. So a
// submission tells the writer to run elsewhere; and waiting for it, which frees a processor, to run anywhere. (Never
// taking it back cost up to a quarter where a third program was busy.)
#pragma once

#include <functional>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace nbpipe {

/// Its methods are called by one thread at a time, and but for join() only while it surely runs.
class Thread {
  public:
    Thread() noexcept = default;

    /// No signal is delivered to it, where there are signals.
    explicit Thread(const std::function<void()>& body);

    /// Lets it run wherever the thread that made it might, but for the processor that the caller is on. Where that is
    /// the only one, or the system cannot tell, everything stays as it was. To stay where one is costs nothing.
    void keep_off_this_processor() noexcept;

    /// Takes that back, while the caller leaves its processor to others.
    void run_anywhere() noexcept;

    void join() { thread_.join(); }

  private:
    std::thread thread_;
#ifdef __linux__
    cpu_set_t processors_{}; // none, where there are more than 1024
    int kept_off_ = -1;
#endif
};

} // namespace nbpipe
