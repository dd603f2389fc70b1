// Rollcall · LocalServices

import Foundation

/// Finds the programs that private servers need.
package enum Executables {
    /// Where package managers put programs, also when `PATH` is short (a service manager's, an IDE's).
    private static let usualFolders = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/opt/homebrew/bin"]

    /// Where programs are looked for, the folders of `PATH` first.
    static var folders: [String] {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return path.split(separator: ":").map(String.init) + Self.usualFolders
    }

    /// Returns the full path of `name`.
    ///
    /// - Parameter package: what installs it, for the error message.
    package static func find(
        _ name: String, package: (apt: String, brew: String)
    ) throws(LocalServicesError) -> String {
        for folder in Self.folders {
            let candidate = "\(folder)/\(name)"
            if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
        }
        throw .missing(name, package: package)
    }
}

extension LocalServicesError {
    /// Says that a program is not installed, and what installs it.
    static func missing(_ name: String, package: (apt: String, brew: String)) -> LocalServicesError {
        #if os(macOS)
            let install = "brew install \(package.brew)"
        #else
            let install = "apt-get install \(package.apt)"
        #endif
        return LocalServicesError(.notInstalled, "\(name) is not installed; install it with: \(install)")
    }
}
