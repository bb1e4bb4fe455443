#include "thread.hpp"

#ifndef _WIN32
#include <csignal>
#include <pthread.h>
#endif
#ifdef __linux__
#include <sched.h>
#endif

namespace nbpipe {
namespace {

#ifndef _WIN32
/// A new thread inherits the mask of the thread that starts it; there is no moment in which it could be hit.
class AllSignalsBlocked {
  public:
    AllSignalsBlocked() noexcept {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    AllSignalsBlocked(const AllSignalsBlocked&) = delete;
    AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;
    ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  private:
    sigset_t before_{};
};
#endif

} // namespace

Thread::Thread(const std::function<void()>& body) {
#ifndef _WIN32
    const AllSignalsBlocked while_starting;
#endif
    thread_ = std::thread(body);
}

#ifdef __linux__
void Thread::keep_off_this_processor() noexcept {
    const int here = ::sched_getcpu();
    cpu_set_t others; // 1024 at most; where there may be more of them, asking fails
    if (here < 0 || here == kept_off_ || ::sched_getaffinity(0, sizeof others, &others) != 0) {
        return;
    }
    CPU_CLR(here, &others);
    if (CPU_COUNT(&others) > 0) {
        ::pthread_setaffinity_np(thread_.native_handle(), sizeof others, &others);
        kept_off_ = here;
    }
}
#else
void Thread::keep_off_this_processor() noexcept {}
#endif

} // namespace nbpipe
