/** The replication slot of a member: lower case, `-` and `.` as `_`, others as `uNNNN`, cut to 63. See dcs.md §1.5. */
export function slotNameOf(memberName: string): string {
  let name = '';
  for (const c of memberName.toLowerCase()) {
    if (c === '-' || c === '.') name += '_';
    else if (/[a-z0-9_]/.test(c)) name += c;
    else name += `u${String(c.codePointAt(0)).padStart(4, '0')}`;
  }
  return name.slice(0, 63);
}

export function isValidSlotName(name: string): boolean {
  return /^[a-z0-9_]{1,63}$/.test(name);
}
