// Rollcall · PresenceServer

import CoreMetrics
import Synchronization

/// One line, or group of lines, of the exposition: a metric with one set of labels.
protocol MetricSeries: AnyObject, Sendable {
    func write(name: String, labels: MetricLabels, to text: inout PrometheusText)
}

/// A count that only grows.
final class CounterSeries: CounterHandler, MetricSeries {
    private let value = Atomic<Int64>(0)

    func increment(by amount: Int64) { self.value.wrappingAdd(amount, ordering: .relaxed) }
    func reset() { self.value.store(0, ordering: .relaxed) }

    func write(name: String, labels: MetricLabels, to text: inout PrometheusText) {
        text.sample(name, labels, String(self.value.load(ordering: .relaxed)))
    }
}

/// A value that goes up and down.
final class GaugeSeries: MeterHandler, RecorderHandler, MetricSeries {
    private let value = Mutex<Double>(0)

    func set(_ value: Int64) { self.set(Double(value)) }
    func set(_ value: Double) { self.value.withLock { $0 = value } }
    func increment(by amount: Double) { self.value.withLock { $0 += amount } }
    func decrement(by amount: Double) { self.value.withLock { $0 -= amount } }
    func record(_ value: Int64) { self.set(value) }
    func record(_ value: Double) { self.set(value) }

    func write(name: String, labels: MetricLabels, to text: inout PrometheusText) {
        text.sample(name, labels, PrometheusText.number(self.value.withLock { $0 }))
    }
}

/// The number of values, and their sum.
final class SummarySeries: RecorderHandler, MetricSeries {
    private let state = Mutex<(count: Int64, sum: Double)>((0, 0))

    func record(_ value: Int64) { self.record(Double(value)) }
    func record(_ value: Double) {
        self.state.withLock { state in
            state.count += 1
            state.sum += value
        }
    }

    func write(name: String, labels: MetricLabels, to text: inout PrometheusText) {
        let (count, sum) = self.state.withLock { $0 }
        text.sample(name + "_sum", labels, PrometheusText.number(sum))
        text.sample(name + "_count", labels, String(count))
    }
}

/// Durations, in buckets from half a millisecond to ten seconds.
final class HistogramSeries: TimerHandler, MetricSeries {
    /// Upper bounds, as nanoseconds and as the seconds that the format shows.
    private static let bounds: [(nanoseconds: Int64, seconds: String)] = [
        (500_000, "0.0005"), (1_000_000, "0.001"), (2_500_000, "0.0025"), (5_000_000, "0.005"), (10_000_000, "0.01"),
        (25_000_000, "0.025"), (50_000_000, "0.05"), (100_000_000, "0.1"), (250_000_000, "0.25"), (500_000_000, "0.5"),
        (1_000_000_000, "1"), (2_500_000_000, "2.5"), (5_000_000_000, "5"), (10_000_000_000, "10"),
    ]

    private struct State {
        /// The count of each bucket alone; the last one counts values above every bound.
        var counts = [Int64](repeating: 0, count: HistogramSeries.bounds.count + 1)
        var nanoseconds: Int64 = 0
    }

    private let state = Mutex(State())

    func recordNanoseconds(_ duration: Int64) {
        let bucket = Self.bounds.firstIndex { duration <= $0.nanoseconds } ?? Self.bounds.count
        self.state.withLock { state in
            state.counts[bucket] += 1
            state.nanoseconds &+= duration
        }
    }

    func write(name: String, labels: MetricLabels, to text: inout PrometheusText) {
        let state = self.state.withLock { $0 }
        var count: Int64 = 0
        for (bound, bucket) in zip(Self.bounds, state.counts) {
            count += bucket
            text.sample(name + "_bucket", labels, extra: ("le", bound.seconds), String(count))
        }
        count += state.counts[Self.bounds.count]
        text.sample(name + "_bucket", labels, extra: ("le", "+Inf"), String(count))
        text.sample(name + "_sum", labels, PrometheusText.number(Double(state.nanoseconds) / 1e9))
        text.sample(name + "_count", labels, String(count))
    }
}
