// Rollcall · PresenceStore

/// The server and the data set from which a snapshot was read.
///
/// A presence that is missing in the later of two snapshots from the same source has left.
package struct DataSource: Hashable, Sendable {
    /// The server's `run_id`; empty when the server does not report it.
    package var server = ""
    /// The name that the first node to write into the data set gave it; empty when it has none.
    package var dataSet = ""

    package init(server: String = "", dataSet: String = "") {
        self.server = server
        self.dataSet = dataSet
    }

    /// The time at which the data set got its name, in milliseconds on Redis's clock; nil when it has none.
    package var began: Int64? { dataSet.split(separator: "@").last.flatMap { Int64($0) } }
}
