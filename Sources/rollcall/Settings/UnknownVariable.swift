// Rollcall · rollcall

/// A variable of the environment that begins with `ROLLCALL_` and is no setting: most likely a misspelt one.
struct UnknownVariable: Sendable, Hashable {
    let name: String
    /// The setting with the most similar name, if any is similar.
    let nearest: String?

    /// Variables that other commands, and the tools around the program, read.
    private static let others: Set<String> = [
        "ROLLCALL_CONFIG", "ROLLCALL_URL", "ROLLCALL_TOKEN", "ROLLCALL_BIN", "ROLLCALL_EXECUTABLE", "ROLLCALL_PROGRAM",
    ]
    private static let otherPrefixes = ["ROLLCALL_TEST_", "ROLLCALL_CONTRACT_", "ROLLCALL_FUZZ_", "ROLLCALL_BENCH_"]

    /// All of them, sorted by name.
    static func all(in environment: [String: String]) -> [UnknownVariable] {
        let known = SettingsTable.all.map(\.environmentName)
        return environment.keys.sorted().compactMap { name in
            guard name.hasPrefix("ROLLCALL_"), !known.contains(name), !others.contains(name),
                !otherPrefixes.contains(where: name.hasPrefix),
                !isServiceLink(name: name, value: environment[name] ?? "")
            else { return nil }
            return UnknownVariable(name: name, nearest: SimilarWord.nearest(to: name, among: known))
        }
    }

    /// Whether a value has the form that Kubernetes gives the address of a Service: `tcp://10.0.0.1:4000`.
    static func isServiceLink(_ value: String) -> Bool {
        value.wholeMatch(of: /(tcp|udp|sctp):\/\/.+:\d+/) != nil
    }

    /// Whether Kubernetes, or a Docker link, made the variable for a service with a name that begins with `rollcall`.
    private static func isServiceLink(name: String, value: String) -> Bool {
        isServiceLink(value) || name.hasSuffix("_SERVICE_HOST")
            || name.contains(/_SERVICE_PORT(_[A-Z0-9_]+)?$/)
            || name.contains(/_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/)
    }
}
