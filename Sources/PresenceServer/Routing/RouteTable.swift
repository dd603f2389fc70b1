// Rollcall · PresenceServer

import HTTPTypes

/// All routes, found by path first and by method second, so that a 405 can list the methods of its path.
package struct RouteTable: Sendable {
    /// A path and its routes.
    struct Resource: Sendable {
        let path: PathTemplate
        var routes: [Route]

        /// The route that answers a method; GET answers HEAD.
        func route(for method: HTTPRequest.Method) -> Route? {
            let method = method == .head ? .get : method
            return self.routes.first { $0.method == method }
        }

        /// Whether pages of every origin may read the answers.
        var isPublic: Bool { self.routes.contains(where: \.isPublic) }

        /// The methods that `Allow` lists.
        var methods: [HTTPRequest.Method] {
            let own = self.routes.map(\.method)
            return own + (own.contains(.get) ? [.head] : []) + [.options]
        }
    }

    package let routes: [Route]
    /// The methods that `Allow` lists for the server as a whole.
    let methods: [HTTPRequest.Method]
    /// The routes are found below this path and at the root.
    package let basePath: BasePath
    private let resources: [Int: [Resource]]

    package init(_ routes: [Route], basePath: BasePath = .root) {
        self.routes = routes
        self.methods = [.get, .head, .post, .put, .patch, .delete, .options]
        self.basePath = basePath
        var resources: [Int: [Resource]] = [:]
        for route in routes {
            var candidates = resources[route.path.segments.count, default: []]
            if let index = candidates.firstIndex(where: { $0.path == route.path }) {
                candidates[index].routes.append(route)
            } else {
                candidates.append(Resource(path: route.path, routes: [route]))
            }
            resources[route.path.segments.count] = candidates
        }
        self.resources = resources
    }

    /// The resource at a path, with the parameters that the path carries.
    func resource(at path: String) -> (Resource, PathParameters)? {
        if let rest = self.basePath.remainder(of: path), let found = self.resource(atRoot: String(rest)) {
            return found
        }
        return self.resource(atRoot: path)
    }

    private func resource(atRoot path: String) -> (Resource, PathParameters)? {
        let segments = PathTemplate.split(path)
        for resource in self.resources[segments.count, default: []] {
            if let parameters = resource.path.match(segments) { return (resource, parameters) }
        }
        return nil
    }
}
