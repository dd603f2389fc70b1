// Rollcall · LocalServices

import Foundation

extension OwnedProcess {
    /// Freezes the process and its children.
    ///
    /// The process is stopped first, so that it starts no more children. The list of children is read again until it
    /// has no new ones, because a signal takes a moment to arrive.
    func pauseFamily() {
        self.send(SIGSTOP)
        var paused: Set<Int32> = []
        while self.exit == nil {
            let found = Set(self.children).subtracting(paused)
            if found.isEmpty { return }
            for child in found { _ = Foundation.kill(child, SIGSTOP) }
            paused.formUnion(found)
        }
    }

    /// Resumes a paused process and its children.
    func resumeFamily() {
        for child in self.children { _ = Foundation.kill(child, SIGCONT) }
        self.send(SIGCONT)
    }

    /// Kills the process and its children, like a power cut.
    func killFamily() async {
        self.send(SIGSTOP)
        for child in self.children { _ = Foundation.kill(child, SIGKILL) }
        await self.kill()
    }

    /// The process ids of the children; empty when the process has ended.
    private var children: [Int32] {
        guard self.exit == nil else { return [] }
        #if os(Linux)
            let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            return all.compactMap(Int32.init).filter { Self.parent(of: $0) == self.pid }
        #else
            var found = [Int32](repeating: 0, count: 1024)
            let count = proc_listchildpids(self.pid, &found, Int32(found.count * MemoryLayout<Int32>.size))
            return Array(found.prefix(max(0, Int(count))))
        #endif
    }

    #if os(Linux)
        /// Reads field 4 of proc(5)'s `stat`; the name before it may hold spaces and brackets.
        private static func parent(of pid: Int32) -> Int32? {
            guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return nil }
            let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
            return fields.count > 2 ? Int32(fields[2]) : nil
        }
    #endif
}
