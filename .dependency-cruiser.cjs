// The import table of docs/style: who may import whom inside src. Tests may import anything.
const table = {
  base: [],
  cluster: ['base'],
  // Of ports, the types only: see ha-takes-types-only.
  ha: ['base', 'cluster', 'ports'],
  ports: ['base', 'cluster'],
  agent: ['base', 'cluster', 'ha', 'ports'],
  dcs: ['base', 'cluster', 'ports', 'dcs'],
  postgres: ['base', 'cluster', 'ports'],
  watchdog: ['base', 'cluster', 'ports'],
  platform: ['base', 'cluster', 'ports'],
  config: ['base', 'cluster', 'ports'],
  api: ['base', 'cluster', 'config', 'ports'],
  ctl: ['base', 'cluster', 'config', 'ports'],
  dashboard: [],
  sim: ['base', 'cluster', 'ha', 'ports', 'agent', 'config', 'api', 'dcs/memory', 'dcs/shared'],
};

// The file that joins ports to adapters may sit at the top of src; nothing below may import it.
const roots = '^src/[^/]+\\.ts$';
const test = '\\.test\\.ts$';

const folders = Object.entries(table).map(([folder, allowed]) => ({
  name: `${folder}-imports`,
  comment: `${folder} may import ${[folder, ...allowed].join(', ')}`,
  severity: 'error',
  from: { path: `^src/${folder}/`, pathNot: test },
  to: { path: '^(src|test)/', pathNot: `^src/(${[folder, ...allowed].join('|')})/` },
}));

module.exports = {
  forbidden: [
    ...folders,
    {
      name: 'ha-takes-types-only',
      comment: 'the core speaks of what the ports report, and runs none of their code',
      severity: 'error',
      from: { path: '^src/ha/', pathNot: test },
      to: { path: '^src/ports/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'stores-apart',
      comment: 'a store may use dcs/shared, never another store',
      severity: 'error',
      from: { path: '^src/dcs/([^/]+)/', pathNot: test },
      to: { path: '^src/dcs/', pathNot: '^src/dcs/($1|shared)/' },
    },
    {
      name: 'pure-core',
      comment: 'base, cluster and ha are plain computation',
      severity: 'error',
      from: { path: '^src/(base|cluster|ha)/', pathNot: test },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev'] },
    },
    { name: 'roots-on-top', comment: 'nothing imports a composition root', severity: 'error', from: { path: '^src/[^/]+/', pathNot: test }, to: { path: roots } },
    { name: 'no-cycles', comment: 'type-only cycles included', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', comment: 'every import exists', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs', '.json'] },
  },
};
