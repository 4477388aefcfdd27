/** The straight line that fits best, at `x`. Two points at least; with one, the line through the origin. */
export function extrapolate(points: readonly (readonly [x: number, y: number])[], x: number): number {
  const n = points.length;
  const meanX = points.reduce((sum, [px]) => sum + px, 0) / n;
  const meanY = points.reduce((sum, [, py]) => sum + py, 0) / n;
  const spread = points.reduce((sum, [px]) => sum + (px - meanX) ** 2, 0);
  const slope = spread === 0 ? meanY / meanX : points.reduce((sum, [px, py]) => sum + (px - meanX) * (py - meanY), 0) / spread;
  return meanY + slope * (x - meanX);
}
