// A tus server as its makers ship it: @tus/server over @tus/file-store, every setting at its default.
// Use: node server.mjs FOLDER. It ends with its standard input, so that it outlives nobody who started it.

import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'

const [directory] = process.argv.slice(2)
const server = new Server({ path: '/files', datastore: new FileStore({ directory }) })
const listening = server.listen({ host: '127.0.0.1', port: 0 }, () => {
  console.log(`listening on http://127.0.0.1:${listening.address().port}`)
})
process.stdin.resume().on('end', () => process.exit())
