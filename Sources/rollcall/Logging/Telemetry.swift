// Rollcall · rollcall

import Logging
import Metrics
import PresenceServer

/// The log and the metrics of the process, which its libraries use through global factories.
struct Telemetry: Sendable {
    let metrics: PrometheusExporter
    let output: LogOutput

    /// Sets up both for the whole process; a second call ends the process.
    static func start(_ settings: Settings) -> Telemetry {
        let (level, format) = (settings.logLevel, settings.logFormat)
        let output = LogOutput { LineLogHandler.lostLine(count: $0, format: format) }
        let metrics = PrometheusExporter(help: MetricsHelp.texts)
        MetricsSystem.bootstrap(metrics)
        LoggingSystem.bootstrap { LineLogHandler(label: $0, level: level, format: format, write: output.write) }
        return Telemetry(metrics: metrics, output: output)
    }
}
