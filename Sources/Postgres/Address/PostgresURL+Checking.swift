// Rollcall · Postgres

extension PostgresURL {
    /// Keywords with a few valid values, which libpq checks only when it connects.
    private static let choices: [String: [String]] = [
        "sslmode": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
        "target_session_attrs": ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"],
        "channel_binding": ["disable", "prefer", "require"],
        "gssencmode": ["disable", "prefer", "require"],
        "load_balance_hosts": ["disable", "random"],
    ]
    private static let numbers = [
        "connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
        "tcp_user_timeout",
    ]

    /// The fault in the values, with the keyword and never the value; nil when libpq accepts them.
    static func fault(in parameters: [String: String]) -> String? {
        for (keyword, values) in choices.sorted(by: { $0.key < $1.key }) {
            guard let value = parameters[keyword], !value.isEmpty, !values.contains(value) else { continue }
            return "its \(keyword) must be one of \(values.joined(separator: ", "))"
        }
        for keyword in numbers {
            guard let value = parameters[keyword], !value.isEmpty, Int32(value) == nil else { continue }
            return "its \(keyword) must be a whole number"
        }
        let ports = list(parameters["port"])
        guard ports.allSatisfy({ $0.isEmpty || UInt16($0) ?? 0 > 0 }) else {
            return "its port is not a number from 1 to 65535"
        }
        let (hosts, addresses) = (list(parameters["host"]), list(parameters["hostaddr"]))
        guard hosts.isEmpty || addresses.isEmpty || hosts.count == addresses.count else {
            return "it has \(hosts.count) host and \(addresses.count) hostaddr; each host needs one"
        }
        let places = max(hosts.count, addresses.count, 1)
        guard ports.count <= 1 || ports.count == places else {
            return
                "it has \(ports.count) ports for \(places) host\(places == 1 ? "" : "s"); give one port, or one for each"
        }
        return nil
    }

    /// The parts of a list that commas separate; an empty part stands for the default.
    static func list(_ text: String?) -> [String] {
        text.map { $0.isEmpty ? [] : $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) } ?? []
    }
}
