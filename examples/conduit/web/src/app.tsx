import { useEffect, useErrorBoundary, useRef } from "preact/hooks";
import { LocationProvider, Route, Router, useLocation } from "preact-iso/router";
import { ArticlePage } from "./pages/article.tsx";
import { EditorPage } from "./pages/editor.tsx";
import { HomePage } from "./pages/home.tsx";
import { LoginPage } from "./pages/login.tsx";
import { CrashedPage, NotFoundPage } from "./pages/not-found.tsx";
import { NotificationsPage } from "./pages/notifications.tsx";
import { ProfilePage } from "./pages/profile.tsx";
import { RegisterPage } from "./pages/register.tsx";
import { SettingsPage } from "./pages/settings.tsx";
import { Footer } from "./parts/footer.tsx";
import { Navbar } from "./parts/navbar.tsx";
import { Notices } from "./parts/notices.tsx";

export function App() {
  return (
    <LocationProvider>
      <a class="skip-link" href="#main">
        Skip to content
      </a>
      <Navbar />
      <main id="main" tabIndex={-1}>
        <Pages />
      </main>
      <Footer />
      <Notices />
    </LocationProvider>
  );
}

function Pages() {
  const { url } = useLocation();
  const failedAt = useRef<string | null>(null);
  const [crash, goOn] = useErrorBoundary(() => {
    failedAt.current = location.pathname + location.search;
  });
  const elsewhere = Boolean(crash) && failedAt.current !== url;
  useEffect(() => {
    if (elsewhere) goOn();
  }, [elsewhere, goOn]);

  if (elsewhere) return null;
  // The router decodes what is in the address: `%E0%A4` is no text, so there is nothing at such an address.
  if (crash instanceof URIError) return <NotFoundPage />;
  if (crash) return <CrashedPage error={crash} goOn={goOn} />;
  return (
    <Router onRouteChange={focusPage}>
      <Route path="/" component={HomePage} />
      <Route path="/tag/:tag" component={HomePage} />
      <Route path="/login" component={LoginPage} />
      <Route path="/register" component={RegisterPage} />
      <Route path="/editor/:slug?" component={EditorPage} />
      <Route path="/settings" component={SettingsPage} />
      <Route path="/notifications" component={NotificationsPage} />
      <Route path="/profile/:username" component={ProfilePage} />
      <Route path="/profile/:username/favorites" component={ProfilePage} favorites />
      <Route path="/article/:slug" component={ArticlePage} />
      <Route default component={NotFoundPage} />
    </Router>
  );
}

/** After a move the reading position of a screen reader and the next Tab begin at the new page, as after a real load. */
function focusPage() {
  document.getElementById("main")?.focus({ preventScroll: true });
}
