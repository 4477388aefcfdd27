// The members of a running cluster as a table that stays up to date: redrawn in place on a terminal; elsewhere printed
// again, as plain text, when something changed.

const COLOURS = { leader: '32;1', replica: '36', problem: '33', gone: '31', dim: '2' };
const COLUMNS = ['Member', 'PostgreSQL', 'REST', 'Role', 'State', 'TL', 'Lag'];

const wal = (text) => {
  const [high, low] = String(text).split('/');
  return low === undefined ? Number(text) : Number.parseInt(high, 16) * 2 ** 32 + Number.parseInt(low, 16);
};

function lagText(status, leader) {
  const end = leader?.xlog?.location;
  const replayed = status?.xlog?.replayed_location;
  if (end === undefined || replayed === undefined) return '';
  const bytes = Math.max(0, wal(end) - wal(replayed));
  return bytes < 1 << 20 ? `${Math.round(bytes / 1024)} kB` : `${(bytes / (1 << 20)).toFixed(1)} MB`;
}

async function row(member) {
  const [status, isLeader] = await Promise.all([member.status(), member.isPrimary()]);
  const role = isLeader ? 'Leader' : (status?.role ?? '').replace(/^./, (letter) => letter.toUpperCase());
  const state = status ? (status.replication_state ?? status.state) : member.agent().isRunning() ? 'no answer' : 'agent ended';
  const kind = isLeader ? 'leader' : !status ? 'gone' : status.state === 'running' ? 'replica' : 'problem';
  return { member, status, role, state, kind };
}

function cells({ member, status, role, state }, leader) {
  return [
    member.name,
    `127.0.0.1:${member.port}`,
    `127.0.0.1:${member.restPort}`,
    role,
    state,
    String(status?.timeline ?? ''),
    lagText(status, leader),
  ];
}

/** Starts showing on `out`: refresh() asks the members and draws, close() leaves the terminal as it was. */
export function showMembers(cluster, out) {
  const isTerminal = out.isTTY === true;
  let drawn = 0;
  let shown = '';
  if (isTerminal) out.write('\x1b[?25l');

  function draw(lines) {
    if (drawn > 0) out.write(`\x1b[${drawn}A\x1b[J`);
    out.write(`${lines.join('\n')}\n`);
    drawn = lines.length;
  }

  return {
    async refresh() {
      const rows = await Promise.all(cluster.members.map(row));
      const leader = rows.find(({ kind }) => kind === 'leader')?.status;
      const body = rows.map((each) => cells(each, leader));
      const widths = COLUMNS.map((title, index) => Math.max(title.length, ...body.map((line) => line[index].length)));
      const text = (line) => `  ${line.map((cell, index) => cell.padEnd(widths[index])).join('  ')}`.trimEnd();
      const time = new Date().toISOString().slice(11, 19);
      if (isTerminal) {
        const lines = body.map((line, index) => `\x1b[${COLOURS[rows[index].kind]}m${text(line)}\x1b[0m`);
        draw([`\x1b[${COLOURS.dim}m${text(COLUMNS)}   ${time}\x1b[0m`, ...lines]);
        return;
      }
      // Without the lag, which is another one each time.
      const now = body.map((line) => line.slice(0, -1).join(' ')).join('\n');
      if (now === shown) return;
      shown = now;
      out.write(`${time}\n${[COLUMNS, ...body].map(text).join('\n')}\n`);
    },
    close() {
      if (isTerminal) out.write('\x1b[?25h');
    },
  };
}
