// Rollcall · rollcall

/// A roster that fills a terminal and is redrawn in place.
///
/// It uses the terminal's alternate screen, so the earlier text is back at the end. The terminal itself cuts long
/// lines, because it knows how wide characters are.
actor RosterScreen {
    private let topic: String
    private var roster = WatchedRoster()
    private var state = "connecting"
    private var drawn: (size: (columns: Int, rows: Int), version: Int)?
    private var version = 0

    init(topic: String) {
        self.topic = topic
    }

    func show(_ roster: WatchedRoster? = nil, state: String) {
        self.roster = roster ?? self.roster
        self.state = state
        version += 1
    }

    /// Draws until the task is cancelled, at most ten times a second.
    func run() async {
        // Alternate screen, no cursor, no line wrap; all are reset at the end.
        Terminal.writeOutput("\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l")
        defer { Terminal.writeOutput("\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l") }
        while !Task.isCancelled {
            draw()
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    private func draw() {
        let size = Terminal.size ?? (80, 24)
        if let drawn, drawn.version == version, drawn.size == size { return }
        drawn = (size, version)
        let room = max(1, size.rows - 3)
        let isCut = roster.keyCount > room
        var lines = ["\(RosterText.summary(of: topic, roster)) · \(state)", ""]
        lines += RosterText.rows(of: roster, limit: isCut ? room - 1 : room)
        if isCut { lines.append("… and \(roster.keyCount - room + 1) more") }
        // Go home, clear the rest of each line, then clear below: this does not flicker.
        Terminal.writeOutput("\u{1b}[H" + lines.map { "\($0)\u{1b}[K" }.joined(separator: "\r\n") + "\u{1b}[J")
    }
}
