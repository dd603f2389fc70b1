// Rollcall · bench

/// Named figures of one measurement, in the order of the table.
struct Figures: Codable, Sendable {
    private(set) var names: [String] = []
    private(set) var values: [Double] = []

    subscript(_ name: String) -> Double? {
        get { names.firstIndex(of: name).map { values[$0] } }
        set {
            guard let newValue else { return }
            if let index = names.firstIndex(of: name) {
                values[index] = newValue
            } else {
                names.append(name)
                values.append(newValue)
            }
        }
    }

    /// Adds the time and the CPU seconds, which every table has.
    mutating func add(_ spent: Spent) {
        self["seconds"] = spent.seconds
        self["server CPU s"] = spent.server
        self["Redis CPU s"] = spent.redis
        self["load CPU s"] = spent.load
    }
}
