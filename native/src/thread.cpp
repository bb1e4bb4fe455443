#include "thread.hpp"

#ifndef _WIN32
#include <csignal>
#include <pthread.h>
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
#ifdef __linux__
    if (::pthread_getaffinity_np(thread_.native_handle(), sizeof processors_, &processors_) != 0) {
        CPU_ZERO(&processors_);
    }
#endif
}

#ifdef __linux__
void Thread::keep_off_this_processor() noexcept {
    const int here = ::sched_getcpu();
    if (here < 0 || here == kept_off_) {
        return;
    }
    auto others = processors_;
    CPU_CLR(here, &others);
    if (CPU_COUNT(&others) > 0) {
        ::pthread_setaffinity_np(thread_.native_handle(), sizeof others, &others);
        kept_off_ = here;
    }
}

void Thread::run_anywhere() noexcept {
    if (kept_off_ >= 0) {
        ::pthread_setaffinity_np(thread_.native_handle(), sizeof processors_, &processors_);
        kept_off_ = -1;
    }
}
#else
void Thread::run_anywhere() noexcept {}

void Thread::keep_off_this_processor() noexcept {}
#endif

} // namespace nbpipe
