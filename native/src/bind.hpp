// What the parts of nbpipe._native share: lending an object's memory, and leaving the GIL to others.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <span>
#include <thread>

#include <nanobind/nanobind.h>

namespace nbpipe {

void bind_convert(nanobind::module_& module);

/// One export of an object's memory: while it lives the object lives too, and a bytearray refuses to resize.
/// It never moves, because a Py_buffer may point into itself.
class BufferView {
  public:
    explicit BufferView(nanobind::handle object) {
        // With PyBUF_SIMPLE the exporter would refuse, each with an exception of its own (numpy: ValueError).
        if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_STRIDES) != 0) {
            throw nanobind::python_error();
        }
        if (PyBuffer_IsContiguous(&view_, 'C') == 0) {
            PyBuffer_Release(&view_);
            throw nanobind::buffer_error(
                "the buffer is not C-contiguous; pass numpy.ascontiguousarray(data)");
        }
    }
    BufferView(const BufferView&) = delete;
    BufferView& operator=(const BufferView&) = delete;
    ~BufferView() { PyBuffer_Release(&view_); }

    [[nodiscard]] std::span<const std::byte> bytes() const {
        return {static_cast<const std::byte*>(view_.buf), static_cast<std::size_t>(view_.len)};
    }

    /// Throws BufferError for what is read-only.
    [[nodiscard]] std::span<std::byte> writable_bytes() const {
        if (view_.readonly != 0) {
            throw nanobind::buffer_error("the buffer is read-only");
        }
        return {static_cast<std::byte*>(view_.buf), static_cast<std::size_t>(view_.len)};
    }

  private:
    Py_buffer view_{};
};

/// The end of the interpreter. Up to 3.13 a daemon thread that asks for the GIL while Python finalizes is
/// ended by pthread_exit, which cannot unwind through C++ and calls std::terminate: of 20 exits during a
/// wait(), 18 were aborts. So an atexit handler first waits until every thread that has given the GIL up has it
/// again (a slice of wait() at most, or until a frame is drawn that is to be read), and from then on nobody
/// gives the GIL up: only the ending thread may still wait, and keeps it.
inline std::atomic<std::thread::id> ending_thread;
inline std::atomic<int> away = 0;

inline bool ending() { return ending_thread.load() != std::thread::id(); }

class WithoutGil {
  public:
    // First counted, then asked: the ending thread does the reverse, so one of the two sees the other even where
    // no GIL keeps them apart.
    WithoutGil() {
        ++away;
        if (ending()) {
            come_back();
        } else {
            released_.emplace();
        }
    }
    WithoutGil(const WithoutGil&) = delete;
    WithoutGil& operator=(const WithoutGil&) = delete;
    ~WithoutGil() {
        if (released_) {
            released_.reset(); // takes the GIL
            come_back();
        }
    }

  private:
    static void come_back() noexcept {
        --away;
        away.notify_all();
    }

    std::optional<nanobind::gil_scoped_release> released_;
};

} // namespace nbpipe
