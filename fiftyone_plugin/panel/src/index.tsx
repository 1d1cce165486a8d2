import { register } from "./host";
import { Review } from "./review";

register({
    name: "densepose_review",
    label: "Review people",
    component: Review,
    activator: () => true,
    panelOptions: { surfaces: "grid modal", allowDuplicates: false, priority: 1 },
});
