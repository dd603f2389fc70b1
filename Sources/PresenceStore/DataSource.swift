// Rollcall · PresenceStore

/// The server and the data set that something was read from.
///
/// Of two snapshots from the same source the later one lacks only what has left.
package struct DataSource: Hashable, Sendable {
    /// The server's `run_id`; empty where it does not tell.
    package var server = ""
    /// The name that the data set was given when a node first wrote into it; empty where none has yet.
    package var dataSet = ""

    package init(server: String = "", dataSet: String = "") {
        self.server = server
        self.dataSet = dataSet
    }

    /// When the data set was given its name, in milliseconds on Redis's clock; nil where it has none.
    package var began: Int64? { dataSet.split(separator: "@").last.flatMap { Int64($0) } }
}
