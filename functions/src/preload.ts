import { boundServers } from './framework-server.ts'

/** For `NODE_OPTIONS=--import=…/preload.ts`: bounds the framework's server before anything of the framework is loaded. */
boundServers(process.env['HOST'] || '127.0.0.1')
