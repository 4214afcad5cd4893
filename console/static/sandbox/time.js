// The hospital's calendar (Asia/Shanghai, no summer time since 1991), whatever zone this browser is in.

const OFFSET = 8 * 3600e3;
const DAY = 86400e3;
const WEEKDAYS = ["周日", "周一", "周二", "周三", "周四", "周五", "周六"];
const two = (n) => String(n).padStart(2, "0");

/** A Date whose UTC parts read as the hospital's wall clock. */
const wall = (date) => new Date(date.getTime() + OFFSET);

export const clockText = (date) => `${two(wall(date).getUTCHours())}:${two(wall(date).getUTCMinutes())}`;

export function dayText(date) {
  const there = wall(date);
  return `${there.getUTCMonth() + 1}月${there.getUTCDate()}日`;
}

export const weekdayText = (date) => WEEKDAYS[wall(date).getUTCDay()];

/** As WeChat stamps a message: 08:05, 昨天 08:05, 周三 08:05, 3月1日 08:05, 2025年3月1日 08:05. */
export function stamp(date, now) {
  const days = Math.floor(wall(now).getTime() / DAY) - Math.floor(wall(date).getTime() / DAY);
  if (days === 0) return clockText(date);
  if (days === 1) return `昨天 ${clockText(date)}`;
  if (days > 1 && days < 7) return `${weekdayText(date)} ${clockText(date)}`;
  const year = wall(date).getUTCFullYear();
  const day = `${dayText(date)} ${clockText(date)}`;
  return year === wall(now).getUTCFullYear() ? day : `${year}年${day}`;
}

/** Seconds from now to the next eight o'clock in the morning. */
export function secondsToMorning(now, hour = 8) {
  const there = wall(now).getTime();
  const target = Math.floor(there / DAY) * DAY + hour * 3600e3;
  const wait = target > there ? target - there : target + DAY - there;
  return Math.ceil(wait / 1000);
}

/** A span in words: 47小时58分, 12分钟. */
export function spanText(milliseconds) {
  const minutes = Math.max(0, Math.floor(milliseconds / 60e3));
  if (minutes < 60) return `${minutes}分钟`;
  return `${Math.floor(minutes / 60)}小时${minutes % 60 ? `${minutes % 60}分` : ""}`;
}
