import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Meter } from '@opentelemetry/api'

const RESOLUTION_MS = 20

const NANOSECONDS = 1e9

/**
 * How late the event loop runs and how much memory the process has, by OpenTelemetry's names.
 *
 * @returns how to stop
 */
export function observeRuntime(meter: Meter): () => void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableGauge(name, { unit, description })
  const p50 = gauge('nodejs.eventloop.delay.p50', 's', 'Event loop delay, median')
  const p99 = gauge('nodejs.eventloop.delay.p99', 's', 'Event loop delay, 99th percentile')
  const max = gauge('nodejs.eventloop.delay.max', 's', 'Event loop delay, largest')
  const memory = gauge('process.memory.usage', 'By', 'Resident memory')
  const heap = gauge('v8js.memory.heap.used', 'By', 'Heap in use')
  meter.addBatchObservableCallback(
    (result) => {
      const usage = process.memoryUsage()
      result.observe(p50, delay.percentile(50) / NANOSECONDS)
      result.observe(p99, delay.percentile(99) / NANOSECONDS)
      result.observe(max, delay.max / NANOSECONDS)
      result.observe(memory, usage.rss)
      result.observe(heap, usage.heapUsed)
      // each export tells of the time since the one before
      delay.reset()
    },
    [p50, p99, max, memory, heap],
  )
  return () => void delay.disable()
}
