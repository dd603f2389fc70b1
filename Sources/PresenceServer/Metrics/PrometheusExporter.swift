// Rollcall · PresenceServer

package import CoreMetrics
import Synchronization

/// Keeps every metric of the process and writes them as Prometheus text; the factory behind swift-metrics.
///
/// Counters become counters, meters and gauges gauges, timers histograms in seconds, recorders summaries without
/// quantiles. A metric that is made twice is one series.
package final class PrometheusExporter: MetricsFactory, Sendable {
    /// The `Content-Type` of ``text()``.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Series of one name at most.
    ///
    /// The values of labels must come from small sets. At the bound a new series is not shown, and is counted as
    /// dropped.
    private static let maximumSeries = 1000

    private struct Family {
        let type: MetricType
        var series: [MetricLabels: any MetricSeries] = [:]
    }

    private let help: [String: String]
    private let families = Mutex<[String: Family]>([:])
    private let dropped = CounterSeries()

    /// - Parameter help: One sentence about each metric, by name.
    package init(help: [String: String] = [:]) {
        self.help = help
    }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        self.series(label, dimensions, .counter) { CounterSeries() }
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        self.series(label, dimensions, .gauge) { GaugeSeries() }
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        if aggregate {
            self.series(label, dimensions, .summary) { SummarySeries() }
        } else {
            self.series(label, dimensions, .gauge) { GaugeSeries() }
        }
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        self.series(label, dimensions, .histogram) { HistogramSeries() }
    }

    // A series outlives its handle: a counter that begins again at 0 would look like a restart.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    /// All metrics, sorted by name and labels.
    package func text() -> [UInt8] {
        let families = self.families.withLock { $0 }
        var text = PrometheusText()
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            text.head(name, family.type, help: self.help[name] ?? name.split(separator: "_").joined(separator: " "))
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
                series.write(name: name, labels: labels, to: &text)
            }
        }
        let name = "rollcall_metrics_dropped_series_total"
        text.head(name, .counter, help: self.help[name] ?? "Series that were not kept.")
        self.dropped.write(name: name, labels: MetricLabels([]), to: &text)
        return text.bytes
    }

    private func series<Series: MetricSeries>(
        _ label: String, _ dimensions: [(String, String)], _ type: MetricType, _ make: () -> Series
    ) -> Series {
        let labels = MetricLabels(dimensions)
        let kept: Series? = self.families.withLock { families in
            var family = families[PrometheusText.name(label)] ?? Family(type: type)
            if let series = family.series[labels] { return series as? Series }
            guard family.type == type, family.series.count < Self.maximumSeries else { return nil }
            let series = make()
            family.series[labels] = series
            families[PrometheusText.name(label)] = family
            return series
        }
        if let kept { return kept }
        self.dropped.increment(by: 1)
        return make()
    }
}
