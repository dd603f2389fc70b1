// Rollcall · bench

import ArgumentParser
import Foundation

/// The program that is measured.
struct ProgramOptions: ParsableArguments {
    @Option(help: "The release build of rollcall. (ROLLCALL_PROGRAM)")
    var program: String?

    @Option(help: "The folder of the sources.")
    var root = "."

    /// The launcher of the program; throws if the program does not exist.
    var launcher: Launcher {
        get throws {
            let program =
                program ?? ProcessInfo.processInfo.environment["ROLLCALL_PROGRAM"] ?? "\(root)/.build/release/rollcall"
            guard access(program, X_OK) == 0 else {
                throw ValidationError("\(program) does not exist; make bench builds it first")
            }
            return Launcher(program: program, root: root)
        }
    }
}
