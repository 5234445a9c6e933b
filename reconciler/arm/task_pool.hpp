// task_pool: many blocking reads at once, on a bounded number of threads.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace dps::arm {

/// Runs tasks; tasks may add tasks. Threads are started as tasks wait for one, at most `most` (0
/// counts as 1). Tasks must not throw.
class TaskPool {
 public:
  explicit TaskPool(std::size_t most);
  ~TaskPool();  ///< waits for what was added
  TaskPool(const TaskPool&) = delete;
  TaskPool& operator=(const TaskPool&) = delete;

  void add(std::function<void()> task);
  /// Until every task, those added meanwhile too, has ended. From outside of the tasks.
  void wait();

 private:
  void work();

  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable work_to_do_;
  std::condition_variable all_done_;
  std::deque<std::function<void()>> tasks_;
  std::size_t busy_ = 0;
  std::size_t idle_ = 0;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace dps::arm
