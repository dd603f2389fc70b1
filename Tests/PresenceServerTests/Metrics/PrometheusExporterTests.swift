// Rollcall · PresenceServerTests

import Metrics
import TestSupport
import Testing

@testable import PresenceServer

@Suite("Prometheus exporter")
struct PrometheusExporterTests {
    private let exporter = PrometheusExporter(help: ["a_total": "What \\ is\ncounted"])
    private var text: String { String(decoding: self.exporter.text(), as: UTF8.self) }

    @Test func `Counters, gauges, histograms and summaries are written in the text format`() {
        Counter(label: "a_total", dimensions: [("z", "1"), ("b", "x\"y\\\n")], factory: self.exporter).increment(by: 3)
        Counter(label: "a_total", dimensions: [("b", "x\"y\\\n"), ("z", "1")], factory: self.exporter).increment()
        Meter(label: "m.open", factory: self.exporter).set(2.5)
        Gauge(label: "g", factory: self.exporter).record(7)
        Recorder(label: "r", factory: self.exporter).record(1.5)
        let timer = Timer(label: "t_seconds", dimensions: [("route", "/")], factory: self.exporter)
        timer.recordNanoseconds(500_000)
        timer.recordNanoseconds(3_000_000)
        timer.recordNanoseconds(60_000_000_000)

        let text = self.text
        #expect(text.contains("# HELP a_total What \\\\ is\\ncounted\n# TYPE a_total counter\n"))
        #expect(text.contains("a_total{b=\"x\\\"y\\\\\\n\",z=\"1\"} 4\n"))
        #expect(text.contains("# TYPE m_open gauge\nm_open 2.5\n"))
        #expect(text.contains("# TYPE g gauge\ng 7\n"))
        #expect(text.contains("# TYPE r summary\nr_sum 1.5\nr_count 1\n"))
        #expect(text.contains("# TYPE t_seconds histogram\nt_seconds_bucket{route=\"/\",le=\"0.0005\"} 1\n"))
        #expect(text.contains("t_seconds_bucket{route=\"/\",le=\"0.005\"} 2\n"))
        #expect(text.contains("t_seconds_bucket{route=\"/\",le=\"10\"} 2\n"))
        #expect(text.contains("t_seconds_bucket{route=\"/\",le=\"+Inf\"} 3\n"))
        #expect(text.contains("t_seconds_sum{route=\"/\"} 60.0035\nt_seconds_count{route=\"/\"} 3\n"))
    }

    @Test func `A name has at most a thousand series; further ones are counted and not shown`() {
        for number in 0..<1010 {
            Counter(label: "many", dimensions: [("n", "\(number)")], factory: self.exporter).increment()
        }
        #expect(self.text.split(separator: "\n").count { $0.hasPrefix("many{") } == 1000)
        #expect(self.text.contains("rollcall_metrics_dropped_series_total 10\n"))
    }

    @Test func `A name used for two types keeps the first`() {
        Counter(label: "same", factory: self.exporter).increment()
        Meter(label: "same", factory: self.exporter).set(5)
        #expect(self.text.contains("same 1\n"))
        #expect(!self.text.contains("same 5\n"))
    }

    @Test func `Increments from many tasks are all counted`() async {
        let counter = Counter(label: "c", factory: self.exporter)
        let timer = Timer(label: "t", factory: self.exporter)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        counter.increment()
                        timer.recordNanoseconds(1)
                    }
                }
            }
        }
        #expect(self.text.contains("c 8000\n"))
        #expect(self.text.contains("t_count 8000\n"))
    }
}
