// Rollcall · LocalServices

import Foundation

/// Removes a file, or a folder with its content.
///
/// It opens folders by descriptor and follows no link, even if a link replaces a folder meanwhile.
enum FolderRemoval {
    /// A file that cannot be removed stays, and so do the folders that hold it.
    static func remove(_ path: String) {
        if unlink(path) == 0 { return }
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        Self.empty(descriptor)
        rmdir(path)
    }

    /// Removes the content of a folder and closes the descriptor.
    private static func empty(_ folder: Int32) {
        guard let stream = fdopendir(folder) else {
            close(folder)
            return
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        for name in names where unlinkat(folder, name, 0) != 0 {
            let child = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard child >= 0 else { continue }
            Self.empty(child)
            _ = unlinkat(folder, name, AT_REMOVEDIR)
        }
    }
}
