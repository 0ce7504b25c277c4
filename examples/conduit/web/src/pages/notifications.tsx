import { useLocation } from "preact-iso/router";
import { listNotifications, markNotificationsRead, NOTIFICATIONS_PER_PAGE } from "../api/conduit.ts";
import type { Notification } from "../api/types.ts";
import { pageOf } from "../parts/article-list.tsx";
import { Avatar } from "../parts/avatar.tsx";
import { Day } from "../parts/date.tsx";
import { ErrorMessages } from "../parts/errors.tsx";
import { articlePath, profilePath } from "../parts/links.ts";
import { LoadFailure, LoadingMessage } from "../parts/load-state.tsx";
import { Pagination } from "../parts/pagination.tsx";
import { useMembersOnly } from "../state/guard.ts";
import { useLoad } from "../state/load.ts";
import { useSend } from "../state/send.ts";
import { useTitle } from "../state/title.ts";
import { unread } from "../state/unread.ts";

export function NotificationsPage() {
  const { admitted } = useMembersOnly();
  useTitle("Notifications");
  return (
    <div class="notifications-page">
      <div class="container page medium">
        <h1 class="page-title">Notifications</h1>
        {admitted ? <List /> : <LoadingMessage what="your notifications" />}
      </div>
    </div>
  );
}

function List() {
  const page = pageOf(useLocation().query);
  const list = useLoad(`notifications ${page}`, (signal) => listNotifications(page, { signal }));
  const { sending, error, send } = useSend();
  if (list.status === "loading") return <LoadingMessage what="your notifications" />;
  if (list.status === "failed") {
    return <LoadFailure what="your notifications" error={list.error} retry={list.retry} />;
  }
  const { notifications, notificationsCount, unreadCount } = list.value;
  const markRead = () =>
    send(async () => {
      await markNotificationsRead();
      unread.set(0);
      list.change((now) => ({
        ...now,
        unreadCount: 0,
        notifications: now.notifications.map((entry) => ({ ...entry, read: true })),
      }));
    });
  if (notifications.length === 0) {
    return <div class="empty-feed-message">No notifications. Follow authors to hear of their new articles.</div>;
  }
  return (
    <>
      <div class="notifications-head">
        <span>{unreadCount === 0 ? "All read" : `${unreadCount} unread`}</span>
        <button
          type="button"
          class="btn btn-sm btn-outline-primary"
          disabled={sending || unreadCount === 0}
          onClick={markRead}
        >
          Mark all as read
        </button>
      </div>
      <ErrorMessages error={error} />
      <ul class="notification-list">
        {notifications.map((entry) => (
          <Entry key={entry.id} entry={entry} />
        ))}
      </ul>
      <Pagination page={page} pages={Math.ceil(notificationsCount / NOTIFICATIONS_PER_PAGE)} />
    </>
  );
}

function Entry({ entry }: { readonly entry: Notification }) {
  const { author, article, createdAt, read } = entry;
  return (
    <li class={read ? "notification" : "notification unread"}>
      <Avatar class="comment-author-img" image={author.image} />
      <div>
        <a class="author" href={profilePath(author.username)}>
          {author.username}
        </a>{" "}
        published <a href={articlePath(article.slug)}>{article.title}</a>
        <Day class="date" at={createdAt} />
        {!read && <span class="visually-hidden">Unread</span>}
      </div>
    </li>
  );
}
