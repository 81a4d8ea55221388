# The agent of each client: nomad job run -var seed=10.0.1.70 starling.nomad.hcl
# docs/deploy-nomad.md says what the clients need for it.

variable "seed" {
  description = "Any hosts of the cluster, with commas between them."
  type        = string
}

variable "image" {
  type    = string
  default = "starling"
}

job "starling" {
  datacenters = ["*"]
  type        = "system"
  # Before everything that needs an address.
  priority = 90

  # One host after the other. No packet is lost meanwhile, for the routes stay.
  update {
    max_parallel = 1
    stagger      = "30s"
  }

  group "agent" {
    network {
      mode = "host"

      port "peers" {
        static = 7871
      }
    }

    # An agent that cannot start yet is tried for as long as it takes.
    restart {
      attempts = 3
      interval = "5m"
      delay    = "5s"
      mode     = "delay"
    }

    service {
      name     = "starling"
      port     = "peers"
      provider = "nomad"

      check {
        type     = "tcp"
        interval = "30s"
        timeout  = "5s"
      }
    }

    task "starling" {
      driver = "docker"

      env {
        STARLING_SEED = var.seed
      }

      config {
        image           = var.image
        network_mode    = "host"
        pid_mode        = "host"
        cap_drop        = ["ALL"]
        cap_add         = ["NET_ADMIN", "SYS_PTRACE"]
        security_opt    = ["no-new-privileges:true"]
        readonly_rootfs = true

        mount {
          type   = "volume"
          source = "starling"
          target = "/var/lib/starling"
        }

        mount {
          type   = "bind"
          source = "/run/starling"
          target = "/run/starling"
        }

        mount {
          type     = "bind"
          source   = "/run/netns"
          target   = "/run/netns"
          readonly = true

          bind_options {
            propagation = "rslave"
          }
        }

        mount {
          type   = "bind"
          source = "/run/docker/plugins"
          target = "/run/docker/plugins"
        }
      }

      resources {
        cpu    = 100
        memory = 256
        # With thousands of nodes.
        memory_max = 512
      }
    }
  }
}
