#include "reconciler/arm/task_pool.hpp"

#include <algorithm>
#include <utility>

namespace dps::arm {

TaskPool::TaskPool(std::size_t most) : most_(std::max<std::size_t>(most, 1)) {}

TaskPool::~TaskPool() {
  wait();
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  work_to_do_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void TaskPool::add(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  if (tasks_.size() > idle_ && threads_.size() < most_) {
    threads_.emplace_back([this] { work(); });
  }
  work_to_do_.notify_one();
}

void TaskPool::wait() {
  std::unique_lock lock(mutex_);
  all_done_.wait(lock, [this] { return tasks_.empty() && busy_ == 0; });
}

void TaskPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    work_to_do_.wait(lock, [this] { return closing_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) return;
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    ++busy_;
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
    --busy_;
    if (busy_ == 0 && tasks_.empty()) all_done_.notify_all();
  }
}

}  // namespace dps::arm
